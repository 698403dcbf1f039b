/**
 * Rules that a schema cannot say: each wrong setting fails synth with a sentence that names the setting, the value,
 * the limit and what to do. All of them are told at once.
 */
import { BlockList, isIP } from 'node:net';
import type { z } from 'zod';
import { ENVIRONMENT_NAME } from '../shared/core/names.ts';
import type { AnyDestination, DestinationLimits, Lingering } from '../shared/destinations/destination.ts';
import { destinationNamed } from '../shared/destinations/registry.ts';
import { type Account, type Environment, type EnvironmentSettings, environmentSchema } from './settings.ts';

/**
 * Settings as a user wrote them, complete and checked.
 *
 * @throws Error whose message has one sentence per wrong setting.
 */
export function parseEnvironment(name: string, settings: EnvironmentSettings): Environment {
  const parsed = environmentSchema.safeParse(settings);
  const sentences = parsed.success ? brokenRules(name, parsed.data) : parsed.error.issues.map(issueSentence);
  if (sentences.length > 0) throw new Error(complaint(name, sentences));
  if (!parsed.success) throw new Error(complaint(name, ['the settings could not be read.']));
  return parsed.data;
}

/**
 * All environments of an app, complete and checked, also against each other: what one may do must never reach another,
 * whoever's AWS account they share.
 *
 * @throws Error whose message has one sentence per wrong setting.
 */
export function parseEnvironments(
  all: Readonly<Record<string, EnvironmentSettings>>,
): ReadonlyMap<string, Environment> {
  const parsed = Object.entries(all).map(
    ([name, settings]) => [name, parseEnvironment(name, settings)] as const,
  );
  const sentences = parsed.flatMap((one, at) =>
    parsed.slice(at + 1).flatMap((other) => [...apartRules(one, other)]),
  );
  if (sentences.length > 0) throw new Error(complaint(undefined, sentences));
  return new Map(parsed);
}

type NamedEnvironment = readonly [name: string, environment: Environment];

/** Names and ARNs of an environment begin with its name, its tables in the warehouse lie in its schema. */
function* apartRules([name, one]: NamedEnvironment, [otherName, other]: NamedEnvironment): Iterable<string> {
  // A role knows no Region, so it is looked at wherever the two are.
  const [role, otherRole] = [one, other].map(({ extraction }) =>
    extraction.by === 'unload' ? extraction.role : undefined,
  );
  if (role !== undefined && role === otherRole) {
    yield `${name} and ${otherName} unload with the same role, ${role}, which could then write the staging bucket of both; give one another extraction.role, or leave it out.`;
  }
  if (one.aws.account !== other.aws.account || one.aws.region !== other.aws.region) return;
  const [short = '', long = ''] = [name, otherName].toSorted((a, b) => a.length - b.length);
  if (long.startsWith(`${short}-`)) {
    yield `the names "${short}" and "${long}" cannot share an AWS account and Region: whatever is allowed on "${short}-..." would be allowed on the other; rename one.`;
  }
  if (schemaOf(one) === schemaOf(other)) {
    yield `${name} and ${otherName} would keep snapshots in the same schema, ${one.warehouse.schema}, of the same database, and overwrite each other's; give one another warehouse.schema.`;
  }
}

function schemaOf({ warehouse }: Environment): string {
  const where = warehouse.kind === 'serverless' ? warehouse.workgroup : warehouse.cluster;
  return [warehouse.kind, where, warehouse.database, warehouse.schema].join('/');
}

const complaint = (name: string | undefined, sentences: readonly string[]): string =>
  [
    name === undefined
      ? 'These environments cannot be deployed together:'
      : `Environment ${name} cannot be deployed:`,
    ...sentences.map((sentence) => `- ${sentence}`),
  ].join('\n');

function issueSentence(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.');
  return `${path === '' ? 'the settings' : path}: ${issue.message}. See infra/settings.ts for what is expected there.`;
}

function brokenRules(name: string, environment: Environment): string[] {
  return [
    ...nameRules(name, environment),
    ...timingRules(environment),
    ...foundationRules(environment),
    ...environment.accounts.flatMap((account, at) => accountRules(environment, account, `accounts.${at}`)),
  ];
}

function* nameRules(name: string, environment: Environment): Iterable<string> {
  if (!ENVIRONMENT_NAME.test(name)) {
    yield `the name "${name}" must be 1 to 16 lower-case letters, digits and dashes, beginning with a letter.`;
  }
  const seen = new Set<string>();
  for (const { name: account } of environment.accounts) {
    if (seen.has(account))
      yield `accounts: "${account}" is there twice; an account's name is its identity, rename one.`;
    seen.add(account);
  }
}

function* timingRules({ timing, local }: Environment): Iterable<string> {
  const { loaderTimeoutMs, lingerMs, clockSkewMs, graceMs, extractorTimeoutMs, extractorLeaseMs } = timing;
  const graceMin = loaderTimeoutMs + lingerMs + 2 * clockSkewMs;
  if (graceMs < graceMin) {
    yield `timing.graceMs is ${graceMs}, but must be at least loaderTimeoutMs + lingerMs + 2 x clockSkewMs = ${graceMin}, or a request of an old run may land after the next run has begun; raise it.`;
  }
  if (extractorLeaseMs < extractorTimeoutMs + 2 * clockSkewMs) {
    yield `timing.extractorLeaseMs is ${extractorLeaseMs}, but must be at least extractorTimeoutMs + 2 x clockSkewMs = ${extractorTimeoutMs + 2 * clockSkewMs}, or an extractor at work would be taken for dead; raise it.`;
  }
  for (const [setting, ms] of [
    ['loaderTimeoutMs', loaderTimeoutMs],
    ['extractorTimeoutMs', extractorTimeoutMs],
  ] as const) {
    if (ms % 1000 !== 0 || ms < 3000 || ms > 900_000) {
      yield `timing.${setting} is ${ms}, but Lambda takes whole seconds from 3000 to 900000 ms; choose one of those.`;
    }
  }
  if (!local && clockSkewMs === 0) {
    yield 'timing.clockSkewMs is 0, but only a local stage runs on one clock; leave it out.';
  }
}

/** What exists already: a function reaches a network of its own account, and a key of its own Region, only. */
function* foundationRules({ aws, keyArn, network, local }: Environment): Iterable<string> {
  if (local && (keyArn !== undefined || network !== undefined)) {
    yield 'keyArn and network are for the cloud, but this is a local stage; leave them out.';
  }
  for (const [setting, ids] of Object.entries(network ?? {})) {
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    if (twice !== undefined) yield `network.${setting} names ${twice} twice; remove one.`;
  }
  if (keyArn === undefined) return;
  const [, , , region, account] = keyArn.split(':');
  if (region !== aws.region || account !== aws.account) {
    yield `keyArn is a key of account ${account} in ${region}, but the environment is in account ${aws.account} in ${aws.region}; take a key of the same account and Region.`;
  }
}

function accountRules(environment: Environment, account: Account, at: string): string[] {
  return [
    ...concurrencyRules(account, at),
    ...allowRules(environment, account, at),
    ...destinationRules(environment, account, at),
  ];
}

function* concurrencyRules({ concurrency }: Account, at: string): Iterable<string> {
  for (const lane of ['express', 'bulk'] as const) {
    if (concurrency[lane] < 2) {
      yield `${at}.concurrency.${lane} is ${concurrency[lane]}, but Lambda's minimum for a queue is 2; to slow an account down lower its rate instead.`;
    }
  }
}

function* allowRules({ local }: Environment, { allow }: Account, at: string): Iterable<string> {
  for (const { host, port } of local ? [] : allow) {
    if (isLoopback(host)) {
      yield `${at}.allow names ${host}:${port}, a loopback or link-local address: in the cloud that is the function itself, never a destination; remove it.`;
    }
  }
}

/** Inside a function these are the runtime's own interfaces, so no listing can make them a destination. */
const OWN_ADDRESSES = new BlockList();
OWN_ADDRESSES.addSubnet('127.0.0.0', 8, 'ipv4');
OWN_ADDRESSES.addSubnet('0.0.0.0', 8, 'ipv4');
OWN_ADDRESSES.addSubnet('169.254.0.0', 16, 'ipv4');
OWN_ADDRESSES.addAddress('::1', 'ipv6');
OWN_ADDRESSES.addAddress('::', 'ipv6');
OWN_ADDRESSES.addSubnet('fe80::', 10, 'ipv6');

function isLoopback(host: string): boolean {
  const bare = canonicalHost(host);
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  const family = isIP(bare);
  return family !== 0 && OWN_ADDRESSES.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/** As a URL spells it: `2130706433`, `0x7f.1` and `127.1` all become 127.0.0.1. */
function canonicalHost(host: string): string {
  const literal = isIP(host) === 6 ? `[${host}]` : host;
  if (!URL.canParse(`http://${literal}`)) return host;
  return new URL(`http://${literal}`).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function destinationRules({ timing }: Environment, account: Account, at: string): string[] {
  let destination: AnyDestination;
  try {
    destination = destinationNamed(account.destination);
  } catch {
    return [
      `${at}.destination is "${account.destination}", which is not a registered destination; see shared/destinations/registry.ts for those that are.`,
    ];
  }
  const parsed = destination.settings.safeParse(account.settings);
  return parsed.success
    ? [
        ...limitRules(account, destination.limits(parsed.data), at),
        ...lingeringRules(timing, destination.lingering?.(parsed.data), at),
      ]
    : parsed.error.issues.map(
        (issue) => `${[at, 'settings', ...issue.path].join('.')}: ${issue.message} (${account.destination}).`,
      );
}

/** The grace is made of `timing.lingerMs`: what takes effect later could undo what the next run has written. */
function* lingeringRules(
  { lingerMs }: Environment['timing'],
  lingering: Lingering | undefined,
  at: string,
): Iterable<string> {
  if (lingering === undefined || lingering.ms <= lingerMs) return;
  const { ms, by } = lingering;
  yield `${at}.settings.${by} is ${ms}, but must be at most timing.lingerMs = ${lingerMs}, or a call that was given up may take effect after the next run has begun; lower it, or raise timing.lingerMs, and timing.graceMs with it.`;
}

/** The engine judges a run's length by the account alone, so the destination must be able to keep to it. */
function* limitRules(
  { destination, requestRowsMax, requestsInFlight }: Account,
  limits: DestinationLimits,
  at: string,
): Iterable<string> {
  if (requestRowsMax > limits.requestRowsMax) {
    yield `${at}.requestRowsMax is ${requestRowsMax}, but ${destination} sends at most ${limits.requestRowsMax} rows in one request; lower it.`;
  }
  if (requestsInFlight > limits.requestsInFlightMax) {
    yield `${at}.requestsInFlight is ${requestsInFlight}, but ${destination} has at most ${limits.requestsInFlightMax} connections in one loader; lower it, and raise concurrency instead.`;
  }
}
