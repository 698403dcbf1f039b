/**
 * Headers that prove who we are: bearer, basic, a header of its own, OAuth client credentials; and the signature.
 *
 * An OAuth token is kept per account and renewed a minute before it ends. A 401 renews it once, in one flight for
 * all requests that used the refused one; a second 401 is `auth_refused`.
 */
import { createHmac } from 'node:crypto';
import * as z from 'zod';
import { AUTH_REFUSED, Fault } from '../core/fault.ts';
import { TOKEN_MARGIN_MS } from '../core/limits.ts';
import type { Context, HttpResponse } from './destination.ts';
import { throwForStatus } from './http-answer.ts';
import type { HttpAuth, HttpSettings } from './http-settings.ts';

type Secret = Readonly<Record<string, unknown>>;
export type Credentials = {
  readonly headers: Readonly<Record<string, string>>;
  /** The OAuth token within, so that a 401 can say which one was refused. */
  readonly token?: string;
};

/** The headers for one request. Throws `config` Faults `secret_incomplete` and `auth_refused`. */
export async function credentials(ctx: Context<HttpSettings>): Promise<Credentials> {
  const { auth } = ctx.settings;
  if (auth.by === 'none') return { headers: {} };
  if (auth.by === 'oauth') {
    const token = await tokenOf(ctx, auth);
    return { headers: { authorization: `Bearer ${token}` }, token };
  }
  const secret = await ctx.secret();
  if (auth.by === 'header') return { headers: { [auth.header.toLowerCase()]: secretText(secret, 'token') } };
  if (auth.by === 'bearer') return { headers: { authorization: `Bearer ${secretText(secret, 'token')}` } };
  return {
    headers: { authorization: basic(secretText(secret, 'username'), secretText(secret, 'password')) },
  };
}

/** Forgets an OAuth token that was refused, unless a newer one has taken its place. False when there is none. */
export function forgetToken(ctx: Context<HttpSettings>, refused: string | undefined): boolean {
  if (refused === undefined) return false;
  const holder = ctx.keep('oauth', emptyHolder);
  if (holder.token === refused) holder.token = undefined;
  return true;
}

/**
 * `t=<seconds>,v1=<hex>`: HMAC-SHA256 with secret.signingKey over `<seconds>.<body>`. The time is inside, so a
 * receiver can refuse old ones.
 */
export async function signatureHeader(
  ctx: Context<HttpSettings>,
  body: string,
): Promise<Readonly<Record<string, string>>> {
  const { signature } = ctx.settings;
  if (signature === undefined) return {};
  const seconds = Math.floor(ctx.clock.now() / 1000);
  const key = secretText(await ctx.secret(), 'signingKey');
  const hex = createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex');
  return { [signature.header.toLowerCase()]: `t=${seconds},v1=${hex}` };
}

function secretText(secret: Secret, name: string): string {
  const value = secret[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Fault('config', 'secret_incomplete', `the account's secret has no text under ${name}`, {
    remedy: `Add "${name}" to the secret's JSON object.`,
  });
}

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;

// ---------------------------------------------------------------- OAuth

type TokenHolder = {
  token: string | undefined;
  renewAt: number;
  flight: Promise<string> | undefined;
};
const emptyHolder = (): TokenHolder => ({ token: undefined, renewAt: 0, flight: undefined });
type OAuth = Extract<HttpAuth, { by: 'oauth' }>;

async function tokenOf(ctx: Context<HttpSettings>, auth: OAuth): Promise<string> {
  const holder = ctx.keep('oauth', emptyHolder);
  if (holder.token !== undefined && ctx.clock.now() < holder.renewAt) return holder.token;
  if (holder.flight === undefined) {
    holder.flight = fetchToken(ctx, auth, holder).finally(() => {
      holder.flight = undefined;
    });
  }
  return holder.flight;
}

const tokenAnswerSchema = z.object({
  access_token: z.string().min(1).max(16_384),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.coerce.number().positive().max(31_536_000).default(3600),
});

async function fetchToken(ctx: Context<HttpSettings>, auth: OAuth, holder: TokenHolder): Promise<string> {
  const answer = await askForToken(ctx, auth);
  // RFC 6749, 5.2: wrong client credentials may be answered by 400 invalid_client as well as by 401.
  if (answer.status === 400 || answer.status === 401) {
    throw new Fault('config', AUTH_REFUSED, 'the token endpoint refuses the client credentials', {
      remedy:
        "Check clientId and clientSecret in the account's secret, and scope and audience in its settings.",
    });
  }
  throwForStatus(answer, { what: 'the token endpoint', nowMs: ctx.clock.now() });
  const parsed = tokenAnswerSchema.safeParse(parsedJson(answer.body));
  if (!parsed.success) {
    throw new Fault(
      'transient',
      'token_unreadable',
      'the token endpoint gave an answer without a bearer token',
    );
  }
  const lifeMs = parsed.data.expires_in * 1000;
  holder.token = parsed.data.access_token;
  holder.renewAt = ctx.clock.now() + Math.max(lifeMs - TOKEN_MARGIN_MS, lifeMs / 2);
  return holder.token;
}

async function askForToken(ctx: Context<HttpSettings>, auth: OAuth): Promise<HttpResponse> {
  const secret = await ctx.secret();
  const id = secretText(secret, 'clientId');
  const password = secretText(secret, 'clientSecret');
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (auth.scope !== undefined) form.set('scope', auth.scope);
  if (auth.audience !== undefined) form.set('audience', auth.audience);
  if (auth.sendAs === 'body') {
    form.set('client_id', id);
    form.set('client_secret', password);
  }
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  };
  // RFC 6749, 2.3.1: both are form-encoded before they become Basic credentials.
  if (auth.sendAs === 'basic') headers.authorization = basic(formText(id), formText(password));
  return ctx.http.send(
    { method: 'POST', url: auth.tokenUrl, headers, body: form.toString(), timeoutMs: ctx.settings.timeoutMs },
    ctx.signal,
  );
}

const formText = (text: string): string => new URLSearchParams({ t: text }).toString().slice(2);

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
