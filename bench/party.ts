/**
 * What the extractor and the loader of the figures have in common: the real adapters, pointed at the local stack's endpoint,
 * in a process of their own that does nothing else. The stack's own functions never see these runs, since queue
 * and environment are others.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { dynamoState } from '../shared/aws/dynamo-state.ts';
import { s3Objects } from '../shared/aws/s3-objects.ts';
import type { BatchMessage } from '../shared/core/message.ts';
import type { AccountSettings, Clock, Ids, LoaderPorts, StageSettings } from '../shared/ports.ts';

/** What a party is told, as JSON in its first argument. */
export type PartySettings = {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly outputs: Readonly<Record<string, string>>;
  readonly stageKey: string;
  readonly sinkPort: number;
  readonly extraction: 'unload' | 'pages';
  readonly syncId: string;
  /** The loader's: what the extractor left to do. */
  readonly messages?: readonly BatchMessage[];
};

/** What a party says when it has done its work. */
export type PartyFigures = {
  readonly rows: number;
  readonly elapsedMs: number;
  /** User and system time of the whole process. */
  readonly cpuMs: number;
  /** Peak of the resident set, MiB. */
  readonly peakMemoryMb: number;
  readonly messages: readonly BatchMessage[];
};

export const ACCOUNT: AccountSettings = {
  name: 'sink',
  destination: 'http',
  rate: { requests: 100_000, perMs: 10_000 },
  requestRowsMax: 200,
  requestsInFlight: 8,
};

const STAGE: Omit<StageSettings, 'accounts' | 'extraction'> = {
  environment: 'bench',
  graceMs: 0,
  extractorLeaseMs: 600_000,
  loaderTimeoutMs: 60_000,
  runStallMs: 600_000,
  breakerOpenMs: 1000,
};

const clock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
};
const ids: Ids = { next: () => randomBytes(8).toString('hex'), random: () => Math.random() };

type CommonPorts = Pick<
  LoaderPorts,
  'clock' | 'ids' | 'state' | 'objects' | 'events' | 'telemetry' | 'settings'
>;

export function partyPorts({
  endpoint,
  region,
  credentials,
  outputs,
  extraction,
}: PartySettings): CommonPorts {
  const client = { endpoint, region, credentials };
  return {
    clock,
    ids,
    state: dynamoState(new DynamoDBClient(client), outputs.StateTable ?? ''),
    objects: s3Objects(new S3Client({ ...client, forcePathStyle: true }), outputs.StagingBucket ?? ''),
    events: { publish: async () => undefined },
    telemetry: { log: () => undefined, count: () => undefined },
    settings: { ...STAGE, extraction, accounts: { [ACCOUNT.name]: ACCOUNT } },
  };
}

/** Runs the party's work and tells the parent what it took; the process ends with it. */
export async function beParty(
  work: (settings: PartySettings) => Promise<{ rows: number; messages: readonly BatchMessage[] }>,
): Promise<void> {
  const settings = JSON.parse(process.argv[2] ?? '{}') as PartySettings;
  const peak = watchMemory();
  const startedAt = performance.now();
  const before = process.cpuUsage();
  const done = await work(settings);
  const { user, system } = process.cpuUsage(before);
  const figures: PartyFigures = {
    ...done,
    elapsedMs: performance.now() - startedAt,
    cpuMs: (user + system) / 1000,
    peakMemoryMb: peak.megabytes(),
  };
  process.send?.(figures, () => process.exit(0));
}

const SAMPLE_MS = 20;

/**
 * The peak of this process' resident set, sampled. Not `getrusage`: a child's high-water mark begins with what its parent
 * held when it forked.
 */
function watchMemory(): { megabytes(): number } {
  let peakBytes = 0;
  const sample = (): void => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
  };
  setInterval(sample, SAMPLE_MS).unref();
  return {
    megabytes() {
      sample();
      return peakBytes / 1024 / 1024;
    },
  };
}
