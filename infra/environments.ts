/**
 * The environments: what you edit. Each becomes one stack, `Tailrace-<name>`. Every setting is explained in
 * `settings.ts`; a wrong one fails `npx cdk synth` with a sentence. How to deploy: `docs/deploying.md`.
 */
import type { EnvironmentSettings } from './settings.ts';

const LOOPBACK = '127.0.0.1';

/**
 * The laptop: what `npm start` runs. Times are short so that a demonstration does not wait for them: one process has
 * one clock (no skew), and its destinations answer or die within a second. Limits count in windows of ten seconds, as
 * many vendors do: in a window of one, a busy laptop would miss most of its slots by more than their 12 ms.
 */
const local: EnvironmentSettings = {
  local: true,
  aws: { account: '000000000000', region: 'us-east-1' },
  warehouse: {
    kind: 'serverless',
    workgroup: 'local',
    workgroupId: '00000000-0000-4000-8000-000000000000',
    database: 'warehouse',
    schema: 'tailrace',
  },
  extraction: { by: 'unload' },
  accounts: [
    {
      name: 'crm',
      destination: 'http',
      settings: { url: `http://${LOOPBACK}:9601/crm`, auth: { by: 'bearer' }, timeoutMs: 1000 },
      rate: { requests: 1000, perMs: 10_000 },
      requestRowsMax: 200,
      requestsInFlight: 8,
      allow: [{ host: LOOPBACK, port: 9601 }],
    },
    {
      name: 'audience',
      destination: 'http',
      settings: { url: `http://${LOOPBACK}:9601/audience`, auth: { by: 'bearer' }, timeoutMs: 1000 },
      rate: { requests: 500, perMs: 10_000 },
      requestRowsMax: 200,
      requestsInFlight: 4,
      allow: [{ host: LOOPBACK, port: 9601 }],
    },
    {
      name: 'app-database',
      destination: 'postgres',
      settings: {
        host: LOOPBACK,
        port: 9602,
        database: 'app',
        sslmode: 'disable',
        statementTimeoutMs: 1000,
      },
      rate: { requests: 2000, perMs: 10_000 },
      requestRowsMax: 500,
      requestsInFlight: 4,
      allow: [{ host: LOOPBACK, port: 9602 }],
    },
  ],
  timing: {
    loaderTimeoutMs: 6000,
    lingerMs: 1000,
    clockSkewMs: 0,
    graceMs: 7000,
    extractorTimeoutMs: 60_000,
    extractorLeaseMs: 60_000,
    runStallMs: 120_000,
    breakerOpenMs: 2000,
  },
  retain: false,
  logRetentionDays: 1,
};

/** A place to try things: small, paged extraction would do as well. Replace the account and the workgroup. */
const dev: EnvironmentSettings = {
  aws: { account: '111111111111', region: 'eu-west-1' },
  warehouse: {
    kind: 'serverless',
    workgroup: 'analytics-dev',
    workgroupId: '11111111-1111-4111-8111-111111111111',
    database: 'analytics',
    schema: 'tailrace',
  },
  extraction: { by: 'unload' },
  accounts: [
    {
      name: 'webhook',
      destination: 'http',
      settings: { url: 'https://api.example.com/v1', auth: { by: 'bearer' } },
      rate: { requests: 10, perMs: 1000 },
      requestRowsMax: 100,
    },
  ],
  /** New AWS accounts may run only ten functions at once, too few to reserve from. */
  reserveConcurrency: false,
  retain: false,
  logRetentionDays: 7,
};

/** Stateful resources survive the stack; somebody is told. */
const prod: EnvironmentSettings = {
  aws: { account: '222222222222', region: 'eu-west-1' },
  warehouse: { kind: 'provisioned', cluster: 'analytics', database: 'analytics', schema: 'tailrace' },
  extraction: { by: 'unload' },
  accounts: [
    {
      name: 'webhook',
      destination: 'http',
      settings: { url: 'https://api.example.com/v1', auth: { by: 'bearer' } },
      rate: { requests: 100, perMs: 1000 },
      requestRowsMax: 100,
      concurrency: { express: 2, bulk: 4 },
    },
  ],
  alarms: { email: 'data-on-call@example.com' },
};

export const environments: Readonly<Record<string, EnvironmentSettings>> = { local, dev, prod };
