/**
 * What a loader knows of a run: the frozen definition, its compiled mapping, the stage's manifest and what the
 * destination can do, read once per run and process; and what it knows of its account across batches.
 */
import { Fault } from '../core/fault.ts';
import { LOADER_RUNS_KEPT_MAX } from '../core/limits.ts';
import { compileMapping, type Mapping } from '../core/mapping.ts';
import type { Operation } from '../core/row.ts';
import type { StageManifest } from '../core/stage.ts';
import { removedPolicy, type Sync } from '../core/sync.ts';
import type { AnyDestination, Idempotency } from '../destinations/destination.ts';
import type { LoaderPorts } from '../ports.ts';
import { type CallsUnderWay, callsUnderWay } from './calls-under-way.ts';
import { readFrozen, readStageManifest } from './frozen.ts';
import { type Pacer, slotPacer } from './reserve-slots-pacer.ts';
import { type FreshCounts, noFresh } from './storm.ts';

export type BatchPlan = {
  readonly syncId: string;
  readonly epoch: number;
  readonly mapping: Mapping;
  readonly manifest: StageManifest;
  readonly destination: AnyDestination;
  /** The place in the account, parsed by the destination's own schema. */
  readonly target: unknown;
  readonly matchOn: string;
  readonly classOf: Readonly<Partial<Record<Operation, Idempotency>>>;
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly inFlightMax: number;
  /** What field names and constants add to a row beside its stage line, about. */
  readonly rowOverheadBytes: number;
  /** Requests hold consecutive lines: a repeat from any request's start makes the same requests again. */
  readonly isContiguous: boolean;
  /** One request at a time, in order: unsafe operations and jobs. */
  readonly isSerial: boolean;
  readonly unknowns: 'resend' | 'mark' | 'park';
  readonly fresh: FreshCounts;
};

/** What a loader process remembers between batches; lost with the process, never needed to be right. */
export type LoaderMemory = {
  readonly pacer: Pacer;
  readonly calls: CallsUnderWay;
  readonly plans: Map<string, BatchPlan>;
  /** Transport and auth faults in a row. */
  faults: number;
};

const memories = new WeakMap<LoaderPorts, LoaderMemory>();

/** The memory of this process: as old as its ports. */
export function loaderMemory(ports: LoaderPorts): LoaderMemory {
  const known = memories.get(ports);
  if (known !== undefined) return known;
  const calls = callsUnderWay(ports.clock);
  const memory: LoaderMemory = { pacer: slotPacer(ports, calls), calls, plans: new Map(), faults: 0 };
  memories.set(ports, memory);
  return memory;
}

/** Throws `config` Faults for a target or operation that the destination does not take, a `bug` for a foreign account. */
export async function batchPlan(ports: LoaderPorts, syncId: string, epoch: number): Promise<BatchPlan> {
  const { plans } = loaderMemory(ports);
  const name = `${syncId}#${epoch}`;
  const known = plans.get(name);
  if (known !== undefined) return known;
  const frozen = await readFrozen(ports.objects, syncId, epoch);
  const { sync } = frozen.definition;
  const { account } = sync.destination;
  if (account !== ports.account.name) throw foreignAccount(account, ports.account.name);
  const manifest = await readStageManifest(ports.objects, syncId, epoch, account);
  const plan: BatchPlan = {
    syncId,
    epoch,
    mapping: compileMapping(frozen.definition, frozen.columns),
    manifest,
    ...destinationPlan(ports, sync),
    matchOn: sync.destination.matchOn,
    rowOverheadBytes: overheadOf(sync),
    unknowns: sync.destination.unknowns ?? 'park',
    fresh: noFresh(),
  };
  plans.set(name, plan);
  const oldest = plans.keys().next().value;
  if (plans.size > LOADER_RUNS_KEPT_MAX && oldest !== undefined) plans.delete(oldest);
  return plan;
}

function destinationPlan(ports: LoaderPorts, sync: Sync) {
  const { destination } = ports.destination;
  const { settings } = ports.destination.context(new AbortController().signal);
  const supported = destination.operations(settings);
  const classOf: Partial<Record<Operation, Idempotency>> = {};
  for (const operation of operationsOf(sync)) {
    const idempotency = supported[operation];
    if (idempotency === undefined) throw unsupported(sync, operation, destination.name);
    classOf[operation] = idempotency;
  }
  const classes = Object.values(classOf);
  const isSerial = destination.kind === 'jobs' || classes.includes('unsafe');
  const limits = destination.limits(settings);
  return {
    destination,
    target: targetOf(destination, sync),
    classOf,
    rowsMax: Math.max(1, Math.min(limits.requestRowsMax, ports.account.requestRowsMax)),
    bytesMax: limits.requestBytesMax,
    inFlightMax: Math.max(1, Math.min(limits.requestsInFlightMax, ports.account.requestsInFlight)),
    isContiguous: isSerial || classes.includes('keyed'),
    isSerial,
  };
}

/** Operations that the mapping of this sync may give. */
function operationsOf(sync: Sync): readonly Operation[] {
  const { mode } = sync.destination;
  const removed = removedPolicy(sync);
  const sent: Operation = mode === 'mirror' ? 'upsert' : mode;
  if (removed === 'ignore') return [sent];
  return [sent, removed === 'clear' ? 'update' : 'delete'];
}

/** A pointer that was moved to another account's lane by hand: its rows must not go to a foreign destination. */
const foreignAccount = (account: string, ours: string): Fault =>
  new Fault('bug', 'account_foreign', `a batch of account ${account} came to a lane of account ${ours}`, {
    remedy: 'Delete the message, or move it to a lane of its own account.',
  });

function targetOf(destination: AnyDestination, sync: Sync): unknown {
  const { object, options } = sync.destination;
  const parsed = destination.target.safeParse({ ...options, object });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Fault(
    'config',
    'target_invalid',
    `${destination.name} cannot write to ${object}: ${issue?.message}`,
    {
      path: ['destination', ...(issue?.path ?? [])].join('.'),
      remedy: `See docs/destinations/${destination.name}.md for what a target needs.`,
    },
  );
}

function unsupported(sync: Sync, operation: Operation, name: string): Fault {
  return new Fault(
    'config',
    'operation_unsupported',
    `mode ${sync.destination.mode} needs ${operation}, which ${name} does not have in this account`,
    { path: 'destination.mode', remedy: 'Choose another mode, or widen the operations of the account.' },
  );
}

/** Quotes, colon and comma around each name, and what the mapping adds that the stage line does not hold. */
function overheadOf(sync: Sync): number {
  return sync.fields.reduce((sum, field) => {
    const added = 'from' in field ? 0 : 'value' in field ? String(field.value).length : field.template.length;
    return sum + Buffer.byteLength(field.to) + added + 6;
  }, 0);
}
