/**
 * What AWS would bill for a run: calls that the functions make, DynamoDB write units by kind of item, time of the loaders,
 * for a stated request size, latency of the destination and memory. Counted on the local stack, by the services
 * themselves; the bench's own looks are not counted, because callers are told apart by their role.
 */
import type { LocalStack } from '../local/stack.ts';
import { changeEverySql, peopleSql } from './people.ts';
import { PRICES } from '../infra/prices.ts';
import type { BenchSink } from './processes.ts';
import { type BenchStage, startBenchStage } from './stage.ts';

export type RunCost = {
  readonly batches: number;
  /** `dynamodb:UpdateItem` and the like, by functions only. */
  readonly calls: Readonly<Record<string, number>>;
  readonly invocations: Readonly<Record<string, number>>;
  readonly writeUnits: Readonly<Record<string, number>>;
  /** Write requests to SYNC, RUN and SHARD, each of one or two units; at most 6 + 1.05 x batches. */
  readonly protocolWrites: number;
  readonly protocolWritesMax: number;
  /** Writes to BUDGET and BREAKER, and the seconds in which loaders were at work, summed over loaders. */
  readonly budgetWrites: number;
  readonly loaderSeconds: number;
  readonly dollars: number;
};

export type CostFigures = {
  readonly stated: {
    readonly rows: number;
    readonly requestRows: number;
    readonly latencyMs: number;
    readonly callsPerSecond: number;
    readonly loaderMb: number;
  };
  readonly firstRun: RunCost;
  readonly dollarsPerMillionRows: number;
  readonly emptyRun: RunCost;
  readonly secondRun: SecondRun;
};

/** A run after 0.1% of the rows have changed, counted where rows lie and where they arrive. */
export type SecondRun = {
  readonly changed: number;
  readonly stagedRows: number;
  readonly arrivedRows: number;
};

const LATENCY_MS = 50;
const CALLS_PER_SECOND = 100;
const CHANGED_EVERY = 1000;
const LOADER_MB = 512;
const FUNCTION_MB = 512;

export async function measureCost(
  sink: BenchSink,
  rows: number,
  say: (line: string) => void,
): Promise<CostFigures> {
  const stage = await startBenchStage({
    sinkPort: sink.port,
    extraction: 'unload',
    changes: 'diff',
    callsPerSecond: CALLS_PER_SECOND,
  });
  try {
    for (const statement of peopleSql(rows)) await stage.stack.warehouse.sql(statement);
    await sink.reset(LATENCY_MS);
    const firstRun = await costOf(stage);
    say(`first run of ${rows} rows: $${firstRun.dollars.toFixed(5)}`);
    const emptyRun = await costOf(stage);
    say(`a run that finds nothing: $${emptyRun.dollars.toFixed(7)}`);
    const secondRun = await measureSecondRun(stage, sink, rows);
    say(`second run: ${JSON.stringify(secondRun)}`);
    return {
      stated: {
        rows,
        requestRows: 200,
        latencyMs: LATENCY_MS,
        callsPerSecond: CALLS_PER_SECOND,
        loaderMb: LOADER_MB,
      },
      firstRun,
      dollarsPerMillionRows: (firstRun.dollars * 1e6) / rows,
      emptyRun,
      secondRun,
    };
  } finally {
    await stage.stop();
  }
}

async function measureSecondRun(stage: BenchStage, sink: BenchSink, rows: number): Promise<SecondRun> {
  await stage.stack.warehouse.sql(changeEverySql(CHANGED_EVERY));
  await sink.reset();
  const { result } = await stage.run();
  return {
    changed: Math.floor(rows / CHANGED_EVERY),
    stagedRows: await stage.stagedRows(),
    arrivedRows: result.counts === undefined ? 0 : (await sink.counts()).rows,
  };
}

/** By action, by kind of item, by function. */
type Tally = Readonly<
  Record<'calls' | 'writes' | 'writeRequests' | 'billedMs' | 'invocations', ReadonlyMap<string, number>>
>;

async function costOf(stage: BenchStage): Promise<RunCost> {
  const before = tally(stage.stack);
  await stage.run();
  const after = tally(stage.stack);
  const calls = difference(before.calls, after.calls);
  const writes = difference(before.writes, after.writes);
  const billed = difference(before.billedMs, after.billedMs);
  const invocations = difference(before.invocations, after.invocations);
  const batches = await stage.batches();
  const requests = difference(before.writeRequests, after.writeRequests);
  const sum = (...kinds: string[]): number => kinds.reduce((total, kind) => total + (requests[kind] ?? 0), 0);
  const loaderMs = Object.entries(billed).reduce(
    (ms, [name, own]) => (name.includes('LoadBatch') ? ms + own : ms),
    0,
  );
  return {
    batches,
    calls,
    writeUnits: writes,
    protocolWrites: sum('SYNC', 'RUN', 'SHARD'),
    protocolWritesMax: 6 + 1.05 * batches,
    budgetWrites: sum('BUDGET', 'BREAKER'),
    loaderSeconds: loaderMs / 1000,
    invocations,
    dollars: dollarsOf({ calls, writes, billed, invocations, batches }),
  };
}

/** The sweep is billed by the minute whether there are runs or not; it is not a run's cost. */
const SWEEP = 'Sweep';

function tally({ stats }: LocalStack): Tally {
  const { permissions, dynamodb, functions } = stats();
  const calls = new Map<string, number>();
  for (const [entry, times] of Object.entries(permissions.calls)) {
    const [caller = '', action = ''] = entry.split(' ');
    if (caller === 'operator' || caller.startsWith(SWEEP) || !COUNTED.has(action)) continue;
    calls.set(action, (calls.get(action) ?? 0) + times);
  }
  const writes = new Map<string, number>();
  const writeRequests = new Map<string, number>();
  for (const [table, kinds] of Object.entries(dynamodb.writes)) {
    if (!table.startsWith('State')) continue;
    for (const [kind, { requests, units }] of Object.entries(kinds)) {
      writes.set(kind, (writes.get(kind) ?? 0) + units);
      writeRequests.set(kind, (writeRequests.get(kind) ?? 0) + requests);
    }
  }
  const billed = Object.entries(functions).filter(([name]) => !name.startsWith(SWEEP));
  return {
    calls,
    writes,
    writeRequests,
    billedMs: new Map(billed.map(([name, own]) => [name, own.billedMs])),
    invocations: new Map(billed.map(([name, own]) => [name, own.invocations])),
  };
}

function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Record<string, number> {
  const grown = [...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, value]) => value !== 0));
}

const PRICE_OF: Readonly<Record<string, number>> = {
  'dynamodb:GetItem': PRICES.dynamodbReadUnit,
  'dynamodb:Query': PRICES.dynamodbReadUnit,
  's3:GetObject': PRICES.s3Read,
  's3:PutObject': PRICES.s3Write,
  's3:ListBucket': PRICES.s3Write,
  'sqs:SendMessage': PRICES.sqsRequest,
  'sqs:ChangeMessageVisibility': PRICES.sqsRequest,
  'events:PutEvents': PRICES.busEvent,
  'secretsmanager:GetSecretValue': PRICES.secretsCall,
  'sts:AssumeRole': 0,
  'redshift-data:BatchExecuteStatement': 0,
  'redshift-data:ExecuteStatement': 0,
  'redshift-data:DescribeStatement': 0,
  'redshift-data:GetStatementResult': 0,
};
const COUNTED: ReadonlySet<string> = new Set(Object.keys(PRICE_OF));

/** Lambda itself receives and deletes each pointer. */
const POLLER_CALLS_PER_BATCH = 2;

function dollarsOf(run: {
  readonly calls: Readonly<Record<string, number>>;
  readonly writes: Readonly<Record<string, number>>;
  readonly billed: Readonly<Record<string, number>>;
  readonly invocations: Readonly<Record<string, number>>;
  readonly batches: number;
}): number {
  const forCalls = Object.entries(run.calls).map(([action, times]) => times * (PRICE_OF[action] ?? 0));
  const forWrites = Object.values(run.writes).map((units) => units * PRICES.dynamodbWriteUnit);
  const forStarts = Object.values(run.invocations).map((times) => times * PRICES.lambdaRequest);
  const forTime = Object.entries(run.billed).map(
    ([name, ms]) => (ms / 1000) * gigabytes(name) * PRICES.lambdaGbSecond,
  );
  const forPolls = run.batches * POLLER_CALLS_PER_BATCH * PRICES.sqsRequest;
  const parts = [...forCalls, ...forWrites, ...forStarts, ...forTime, forPolls, PRICES.schedulerCall];
  return parts.reduce((total, part) => total + part, 0);
}

const gigabytes = (name: string): number => (name.includes('LoadBatch') ? LOADER_MB : FUNCTION_MB) / 1024;
