/**
 * The stage that chaos runs: `local` with times so short that leases, graces and stalls pass by the dozen (near the
 * shortest that the rules of settings allow; for the lanes' visibility a shorter one, see there). Two accounts of one
 * vendor: `crm`, where a repeat does no harm, and `ledger`, where it does (class C). And three syncs: mirror with deletes by
 * diff, upsert by cursor, insert.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { secretName } from '../../shared/core/names.ts';
import type { Random } from './seeded.ts';

export const ENVIRONMENT = 'chaos';
export const TOKEN = 'chaos-token';

/** How long the engine waits for an answer of the vendor. */
export const ANSWER_MS_MAX = 1000;
export const LINGER_MS_MAX = 1000;
/** An extractor is believed dead after this; twice the least, since a busy machine has to extract in it. */
export const LEASE_MS = 6000;
const LOADER_MS_MAX = 3000;
/** Time for a batch to be lost twice, and no more: the third loader still finds its run. */
const STALL_MS = 25_000;
/** What an orphan may take beyond its own time limit, and a busy machine to end it. */
const ORPHAN_MS = 1000;

/** A minute is three seconds for schedules, the sweep's included. */
export const SPEED = 20;

/** @param port the vendor's, as the functions see it: the proxy's */
export function chaosStage(port: number): EnvironmentSettings {
  const { local } = environments;
  if (local === undefined) throw new Error('infra/environments.ts has no environment local');
  return {
    ...local,
    accounts: ['crm', 'ledger'].map((name) => ({
      name,
      destination: 'http',
      settings: {
        url: `http://127.0.0.1:${port}/${name}`,
        auth: { by: 'bearer' },
        timeoutMs: ANSWER_MS_MAX,
      },
      rate: { requests: 500, perMs: 10_000 },
      requestRowsMax: 4,
      requestsInFlight: 4,
      allow: [{ host: '127.0.0.1', port }],
    })),
    timing: {
      loaderTimeoutMs: LOADER_MS_MAX,
      lingerMs: LINGER_MS_MAX,
      clockSkewMs: 0,
      graceMs: LOADER_MS_MAX + LINGER_MS_MAX + ORPHAN_MS,
      extractorTimeoutMs: LEASE_MS,
      extractorLeaseMs: LEASE_MS,
      runStallMs: STALL_MS,
      breakerOpenMs: 1000,
    },
  };
}

/**
 * A message whose loader was killed comes back after this. By the rule it would be six times the loader's timeout, 18 s,
 * and a run would meet few strikes. A loader suspects that the one before it crashed when the message has been away for
 * half of that, 9 s; below it the kills of chaos would pass for orderly ends.
 */
export const VISIBILITY_SECONDS = 10;

/** Writes the assembly; gives the stack's name. */
export function synthesizeStage(port: number, assembly: string): string {
  const made = synthesize({ name: ENVIRONMENT, settings: chaosStage(port) }, assembly);
  const { stackName, templateFile, template } = made;
  for (const { Type, Properties = {} } of Object.values(template.Resources)) {
    const isLane = Type === 'AWS::SQS::Queue' && /-(express|bulk)$/.test(String(Properties.QueueName));
    if (isLane) Object.assign(Properties, { VisibilityTimeout: VISIBILITY_SECONDS });
  }
  writeFileSync(templateFile, JSON.stringify(template));
  return stackName;
}

export const SECRETS = Object.fromEntries(
  ['crm', 'ledger'].map((account) => [secretName(ENVIRONMENT, account), { token: TOKEN }]),
);

/** A row may become visible this late after its own timestamp: a write may last as long as the longest pause. */
const LAG_SECONDS = 10;
/** No run of this test may wait for a person: everything may be deleted, nothing need be left. */
const GUARDS = { maxDeletes: 1_000_000, maxDeleteRatio: 1, maxShrink: 1 };
const OWNER = 'chaos@example.com';

type SyncShape = { readonly table: string; readonly changes: object; readonly destination: object };

/**
 * @param every often while the chaos lasts, afterwards so seldom that nothing moves any more
 * @param purpose a new one is a new version of the definition that maps the same
 */
export const definitions = (
  every: string,
  purpose = '',
): readonly (Readonly<Record<string, unknown>> & { syncId: string })[] => [
  definition(every, purpose, {
    table: 'people',
    changes: { by: 'diff' },
    destination: { account: 'crm', object: 'people', mode: 'mirror', matchOn: 'id' },
  }),
  definition(every, purpose, {
    table: 'scores',
    changes: { by: 'cursor', column: 'updated_at', lagSeconds: LAG_SECONDS },
    destination: { account: 'crm', object: 'scores', mode: 'upsert', matchOn: 'id' },
  }),
  definition(every, purpose, {
    table: 'entries',
    changes: { by: 'diff' },
    destination: { account: 'ledger', object: 'entries', mode: 'insert', matchOn: 'id', unknowns: 'park' },
  }),
];

const definition = (every: string, purpose: string, { table, changes, destination }: SyncShape) => ({
  syncId: table,
  owner: OWNER,
  purpose,
  schedule: { every },
  model: {
    sql: `select id, name, amount, version, updated_at from shop.${table}`,
    primaryKey: ['id'],
    changes,
  },
  destination,
  fields: [
    { to: 'id', from: 'id' },
    { to: 'name', from: 'name' },
    { to: 'amount', from: 'amount', as: { decimal: 2 } },
    { to: 'version', from: 'version' },
  ],
  checks: [{ name: 'has a name', sql: 'name is not null', otherwise: 'exclude' }],
  guards: GUARDS,
});

/** Below what systems hand out for outgoing connections: the services must find their port free at each restart. */
const PORTS = [20_000, 32_000] as const;
const PORT_TRIES_MAX = 50;

export async function freePort(random: Random): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES_MAX; tries += 1) {
    const port = random.between(...PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`found no free port between ${PORTS[0]} and ${PORTS[1]}`);
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
