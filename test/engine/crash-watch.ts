/**
 * What is looked at while a crash history is played, and at its end: the simulator's invariants and its oracle, at
 * every write, row, event, log line and error. I9's pauses and what I13 says of an account that is down need a
 * destination that misbehaves, so those two are the simulator's alone.
 */
import { Fault } from '../../shared/core/fault.ts';
import { SYNC_PARTITION } from '../../shared/core/names.ts';
import type { StartResult } from '../../shared/engine/start-run.ts';
import type { MemoryPorts } from '../memory/memory-ports.ts';
import type { ModelRow } from '../memory/model-table.ts';
import {
  checkApply,
  checkBreaker,
  checkQueued,
  checkRate,
  checkRest,
  checkTransition,
  checkWrites,
} from '../simulation/invariants.ts';
import { checkWanted, noteFault } from '../simulation/invariants-time.ts';
import type { Oracle } from '../simulation/oracle.ts';
import { keepSecret, MISCOUNTS, noteWrite } from '../simulation/simulate.ts';
import { isPutOff } from '../simulation/world.ts';
import type { Witness } from './crashing-ports.ts';

/** From now on every write, row, event and log line is judged as it comes. */
export function watchPorts({ state, events, telemetry }: MemoryPorts, oracle: Oracle): void {
  const { account, violations } = oracle;
  state.onWrite(({ partition, sort }, before, after) => {
    keepSecret(oracle, 'an item', `${partition} ${sort} ${JSON.stringify(after)}`);
    if (partition === SYNC_PARTITION) checkTransition(oracle, sort, before, after);
    else if (partition.startsWith('BREAKER#')) checkBreaker(oracle, before, after);
    noteWrite(oracle, partition, sort, before, after);
  });
  account.onApply = (...applied) => checkApply(oracle, ...applied);
  account.onKeyReused = (key) =>
    void violations.push({ invariant: 'class B', message: `${key} came again with other rows` });
  events.onPublish(({ type, detail }) => {
    keepSecret(oracle, type, JSON.stringify(detail));
    const code = String(detail.code);
    if (MISCOUNTS.includes(code)) violations.push({ invariant: 'I2', message: `${type}: ${code}` });
  });
  const { log } = telemetry;
  telemetry.log = (...line) => {
    const text = JSON.stringify(line);
    keepSecret(oracle, 'a log line', text);
    if (line[0] === 'error') violations.push({ invariant: 'no bug', message: text });
    log(...line);
  };
}

/** A kill is a fault from which on I8 is judged; an error that is no passing one is a defect in any history. */
export function witness(oracle: Oracle): Witness {
  const { violations } = oracle;
  return {
    onKill: () => noteFault(oracle, 'crashPerCall'),
    onLateWork: (what) =>
      void violations.push({ invariant: 'I6', message: `${what} after its function had returned` }),
    onThrown: (error) => {
      const text = error instanceof Error ? `${error.message} ${error.stack}` : String(error);
      keepSecret(oracle, 'an error', text);
      if (error instanceof Fault && error.kind === 'transient') return;
      violations.push({ invariant: 'no bug', message: `a use case threw ${text.slice(0, 300)}` });
    },
  };
}

/** A tick was answered: refused for a run or its grace, it must be made up for (I8). */
export function noteTick({ ports, timing }: Oracle, syncId: string, at: number, started: StartResult): void {
  const isForgotten = (timing.forgottenAt.get(syncId) ?? 0) >= at;
  if (isPutOff(started) && !isForgotten) {
    timing.refusedTicks.set(syncId, { scheduledAt: at, at: ports.clock.now() });
  }
}

/** A deletion is done, and with it what its ticks wanted. */
export function noteDeleted({ ports, timing }: Oracle, syncId: string): void {
  timing.refusedTicks.delete(syncId);
  timing.forgottenAt.set(syncId, ports.clock.now());
}

/** Once a minute: what must follow does (I8, I11). */
export function checkMinute(oracle: Oracle, syncId: string, isDeleted: boolean): void {
  checkWanted(oracle, syncId, isDeleted);
  checkQueued(oracle, syncId, (epoch) => oracle.ports.queue.holds(syncId, epoch));
}

export type End = {
  readonly definition: Parameters<typeof checkRest>[1];
  readonly rows: readonly ModelRow[];
  readonly rate: { readonly requests: number; readonly perMs: number };
  /** Nobody was killed: writes are counted (I14). */
  readonly isClean: boolean;
};

/** At rest. */
export function judgeEnd(oracle: Oracle, { definition, rows, rate, isClean }: End): void {
  const { queue, warehouse, objects } = oracle.ports;
  const wrong = (invariant: string, message: string): void =>
    void oracle.violations.push({ invariant, message });
  checkRest(oracle, definition, rows);
  checkRate(oracle, rate);
  if (isClean) checkWrites(oracle);
  if (queue.waiting() + queue.dead() > 0) wrong('I8', 'messages are left over');
  for (const message of warehouse.broken) wrong('I1', message);
  for (const key of objects.rewritten) wrong('I1', `${key} was rewritten`);
}
