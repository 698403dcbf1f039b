/**
 * The way out. Only public addresses, except the exact host and port pairs that the account's settings list.
 * There is no switch that turns it off. Security row 4 of the threat list: a destination's URL is text from a
 * person, and a loader sits beside runtime APIs, a VPC and link-local addresses that must not be reachable.
 *
 * The answer of `resolve` is the address to connect to: whoever resolves the name again may get another one
 * (DNS rebinding), so callers pin the socket to it.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Fault } from '../core/fault.ts';
import type { NetworkGuard } from './destination.ts';
import { isPublicAddress } from './public-address.ts';

export type HostAndPort = { readonly host: string; readonly port: number };

/** All addresses of a host name. */
export type Resolver = (host: string) => Promise<readonly { address: string; family: number }[]>;

export type UrlGuard = NetworkGuard & {
  /**
   * Parses and checks a URL before anything is resolved: https on port 443 unless its host and port are listed,
   * no user info. Throws `config` Faults `url_invalid` and `address_refused`, naming the host and never the path.
   */
  checkUrl(url: string): URL;
};

/**
 * Takes the account's list of exact host and port pairs, where plain http and private addresses are permitted,
 * and a resolver (tests only; the system's otherwise). `resolve` throws `config` Fault `address_refused` when any
 * address of the host is not public, and transient `host_not_found` when there is none.
 */
export function networkGuard(allow: readonly HostAndPort[], resolver: Resolver = systemResolver): UrlGuard {
  const listed = new Set(allow.map(({ host, port }) => pairName(canonicalHost(host), port)));
  const isListed = (host: string, port: number): boolean => listed.has(pairName(host, port));
  return {
    checkUrl: (text) => checkedUrl(text, isListed),
    resolve: async (name, port) => {
      const host = canonicalHost(name);
      const exempt = isListed(host, port);
      const addresses = await addressesOf(host, resolver);
      const refused = exempt ? undefined : addresses.find(({ address }) => !isPublicAddress(address));
      if (refused !== undefined) throw addressRefused(host, port, 'it has an address that is not public');
      // IPv4 first: a function in a VPC often has no way out for IPv6.
      const chosen = addresses.find(({ family }) => family === 4) ?? addresses[0];
      if (chosen === undefined) throw hostNotFound(host);
      return { address: chosen.address, family: chosen.family === 6 ? 6 : 4, listed: exempt };
    },
  };
}

function checkedUrl(text: string, isListed: (host: string, port: number) => boolean): URL {
  if (!URL.canParse(text)) {
    throw new Fault('config', 'url_invalid', 'the URL cannot be read', {
      remedy: 'Write it in full, such as https://api.example.com/path.',
    });
  }
  const url = new URL(text);
  const host = canonicalHost(url.hostname);
  const port = portOf(url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw addressRefused(host, port, `its scheme is ${url.protocol.slice(0, -1)}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw addressRefused(host, port, 'the URL carries user info');
  }
  if (isListed(host, port)) return url;
  if (url.protocol !== 'https:') throw addressRefused(host, port, 'only https is allowed');
  if (port !== 443) throw addressRefused(host, port, 'only port 443 is allowed');
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw addressRefused(host, port, 'it is not public');
  return url;
}

/** The port that a URL means; 0 for a scheme that we do not know. */
function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : url.protocol === 'http:' ? 80 : 0;
}

/** As the URL standard writes it: lower case, punycode, decimal v4, compressed v6; without brackets. */
export function canonicalHost(host: string): string {
  const text = isIP(host) === 6 ? `[${host}]` : host;
  const name = URL.canParse(`https://${text}`) ? new URL(`https://${text}`).hostname : host.toLowerCase();
  return name.startsWith('[') ? name.slice(1, -1) : name;
}

async function addressesOf(
  host: string,
  resolver: Resolver,
): Promise<readonly { address: string; family: number }[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  try {
    return await resolver(host);
  } catch (cause) {
    throw hostNotFound(host, cause);
  }
}

const systemResolver: Resolver = (host) => lookup(host, { all: true, verbatim: true });

const pairName = (host: string, port: number): string => `${host} ${port}`;

function addressRefused(host: string, port: number, why: string): Fault {
  return new Fault('config', 'address_refused', `${host} port ${port} is refused: ${why}`, {
    remedy:
      "Use a public https address, or list this exact host and port under `allow` in the account's settings.",
  });
}

function hostNotFound(host: string, cause?: unknown): Fault {
  return new Fault('transient', 'host_not_found', `the name ${host} has no address`, {
    remedy: 'Check the host name and the DNS of the network that the loader runs in.',
    cause,
  });
}
