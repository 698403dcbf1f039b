/**
 * What AWS would bill for a run: calls that the functions make, DynamoDB write units by kind of item, time of the loaders,
 * for a stated request size, latency of the destination and memory. Counted on the local stack, by the services
 * themselves; the bench's own looks are not counted, because callers are told apart by their role.
 */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { type Counts, PRICED_ACTIONS, runDollars, scheduledFunctions } from '../infra/cost-model.ts';
import type { LocalStack } from '../local/stack.ts';
import { changeEverySql, peopleSql } from './people.ts';
import type { BenchSink } from './processes.ts';
import { type BenchStage, DEPLOYED_TIMING, startBenchStage } from './stage.ts';

export type RunCost = Counts & {
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
  /** One look of each function that a schedule calls, when there is nothing to do. */
  readonly scheduled: Readonly<Record<string, Counts>>;
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
/** Looks that are counted of each scheduled function, after one that loads it. */
const LOOKS = 10;

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
    timing: DEPLOYED_TIMING,
  });
  try {
    for (const statement of peopleSql(rows)) await stage.stack.warehouse.sql(statement);
    await sink.reset(LATENCY_MS);
    await stage.define();
    const firstRun = await costOf(stage);
    say(`first run of ${rows} rows: $${firstRun.dollars.toFixed(5)}`);
    const emptyRun = await costOf(stage);
    say(`a run that finds nothing: $${emptyRun.dollars.toFixed(7)}`);
    const scheduled = await measureLooks(stage);
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
      scheduled,
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
  await stage.atRest();
  const before = tally(stage.stack, isOfARun);
  await stage.run();
  await stage.atRest();
  const counts = countsBetween(before, tally(stage.stack, isOfARun), await stage.batches());
  const { writeRequests } = counts;
  const sum = (...kinds: string[]): number =>
    kinds.reduce((total, kind) => total + (writeRequests[kind] ?? 0), 0);
  const loaders = Object.entries(counts.billedMs).filter(([name]) => name.includes('LoadBatch'));
  return {
    ...counts,
    protocolWrites: sum('SYNC', 'RUN', 'SHARD'),
    protocolWritesMax: 6 + 1.05 * counts.batches,
    budgetWrites: sum('BUDGET', 'BREAKER'),
    loaderSeconds: loaders.reduce((ms, [, own]) => ms + own, 0) / 1000,
    dollars: runDollars(counts),
  };
}

/** Calls each scheduled function as its schedule would, and counts what it does alone. */
async function measureLooks(stage: BenchStage): Promise<Record<string, Counts>> {
  const { endpoint, region, credentials } = stage.stack;
  const lambda = new LambdaClient({ endpoint, region, credentials });
  const looks: Record<string, Counts> = {};
  for (const logicalId of scheduledFunctions(stage.template)) {
    const look = () =>
      lambda.send(
        new InvokeCommand({ FunctionName: stage.functionName(logicalId), Payload: Buffer.from('{}') }),
      );
    const isIt = (name: string): boolean => name === nameOf(logicalId);
    await look();
    const before = tally(stage.stack, isIt);
    for (let times = 0; times < LOOKS; times += 1) await look();
    looks[nameOf(logicalId)] = oneOf(countsBetween(before, tally(stage.stack, isIt), 0));
  }
  lambda.destroy();
  return looks;
}

/** A function's or its role's logical id without the hash that the CDK appends. */
const nameOf = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '').replace(/Role$/, '');

function oneOf({ calls, writeUnits, invocations, billedMs, batches }: Counts): Counts {
  const each = (all: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value / LOOKS]));
  return {
    calls: each(calls),
    writeUnits: each(writeUnits),
    invocations: each(invocations),
    billedMs: each(billedMs),
    batches,
  };
}

/** Looks are billed by the minute whether there are runs or not; they are no run's cost. */
const isOfARun = (name: string): boolean => !name.startsWith('Sweep');

/** What the functions that are asked for, by their name without a hash, have done so far. */
function tally({ stats }: LocalStack, isAskedFor: (name: string) => boolean): Tally {
  const { calls: served, permissions, dynamodb, functions } = stats();
  const calls = new Map<string, number>([['s3:List', served['s3.ListObjectsV2'] ?? 0]]);
  for (const [entry, times] of Object.entries(permissions.calls)) {
    const [caller = '', action = ''] = entry.split(' ');
    if (caller === 'operator' || !isAskedFor(nameOf(caller)) || !PRICED_ACTIONS.has(action)) continue;
    calls.set(action, (calls.get(action) ?? 0) + times);
  }
  const kinds = Object.entries(dynamodb.writes)
    .filter(([table]) => table.startsWith('State'))
    .flatMap(([, kind]) => Object.entries(kind));
  const asked = Object.entries(functions).filter(([name]) => isAskedFor(nameOf(name)));
  return {
    calls,
    writes: new Map(kinds.map(([kind, { units }]) => [kind, units])),
    writeRequests: new Map(kinds.map(([kind, { requests }]) => [kind, requests])),
    billedMs: new Map(asked.map(([name, own]) => [nameOf(name), own.billedMs])),
    invocations: new Map(asked.map(([name, own]) => [nameOf(name), own.invocations])),
  };
}

function countsBetween(before: Tally, after: Tally, batches: number) {
  return {
    batches,
    calls: difference(before.calls, after.calls),
    writeUnits: difference(before.writes, after.writes),
    writeRequests: difference(before.writeRequests, after.writeRequests),
    billedMs: difference(before.billedMs, after.billedMs),
    invocations: difference(before.invocations, after.invocations),
  };
}

function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Record<string, number> {
  const grown = [...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, value]) => value !== 0));
}
