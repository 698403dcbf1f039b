/**
 * What must happen in time, or must wait: a refused tick is made up for, a destination that asks for a pause has it,
 * one that is down is left alone. Each is judged only where no fault has kept the engine from writing it down.
 */
import { SYNC_PARTITION } from '../../shared/core/names.ts';
import type { FaultName } from './fault-rates.ts';
import { type Oracle, plainSync } from './oracle.ts';
import { SKEW_MS_MAX } from './process.ts';

const MINUTE_MS = 60_000;

/** After these a loader may never have written what it knows, or know it no more. */
const HARM: readonly FaultName[] = [
  'crashPerCall',
  'lostPerCall',
  'appliedButFailedPerCall',
  'slowPerCall',
  'pausePerCall',
  'deployedPerMinute',
];

export function noteFault({ ports, timing }: Oracle, name: FaultName): void {
  const now = ports.clock.now();
  timing.disturbedAt = now;
  if (!HARM.includes(name)) return;
  timing.harmedAt = now;
  timing.pauses = timing.pauses.filter(({ askedAt }) => askedAt + PAUSE_TAKES_MS < now);
}

/** Slots that were reserved before are used still: by the horizon of the express lane, and a second of slots. */
const PAUSE_TAKES_MS = 12_000;

/** The destination has answered that it wants no request for so long. */
export function notePause({ ports, timing }: Oracle, waitMs: number): void {
  const now = ports.clock.now();
  timing.pauses = [
    ...timing.pauses.filter(({ until }) => until > now),
    { askedAt: now, until: now + waitMs },
  ];
}

/** I9 and I13 as a request leaves. */
export function checkSend(oracle: Oracle, isSkewed: boolean): void {
  const { ports, timing, violations } = oracle;
  const now = ports.clock.now();
  const marginMs = isSkewed ? 2 * SKEW_MS_MAX : 0;
  const pause = timing.pauses.find(
    ({ askedAt, until }) => now > askedAt + PAUSE_TAKES_MS && now < until - marginMs,
  );
  if (pause !== undefined) {
    const message = `sent ${pause.until - now} ms before the end of a pause asked for ${now - pause.askedAt} ms ago`;
    violations.push({ invariant: 'I9', message });
  }
  checkLeftAlone(oracle, now);
}

/** From the first request on: by then a loader has had five faults in a row. */
const DOWN_NOTICED_MS = 4 * MINUTE_MS;
/** Each of the five takes half a minute, and those that a deadline cuts short do not count. */
const SILENCE_NOTICED_MS = 12 * MINUTE_MS;
/** While nobody sends for so long, nobody has faults in a row either: probes, or a sync that was paused. */
const UNTRIED_MS = 2 * MINUTE_MS;
/** Probes while it is down, and what was under way. */
const SENT_WHILE_DOWN_MAX = 25;

/** I13: while an account is down only probes go there, fewer and fewer. */
function checkLeftAlone({ account, timing, violations }: Oracle, now: number): void {
  if (now >= account.downUntil) return;
  const isFirst = timing.triedAt <= Math.max(account.downFrom, timing.harmedAt);
  if (isFirst || now > timing.lastTriedAt + UNTRIED_MS)
    Object.assign(timing, { triedAt: now, sentWhileDown: 0 });
  timing.lastTriedAt = now;
  const knownAt = timing.triedAt + (account.isSilent ? SILENCE_NOTICED_MS : DOWN_NOTICED_MS);
  if (now < knownAt) return;
  timing.sentWhileDown += 1;
  if (timing.sentWhileDown !== SENT_WHILE_DOWN_MAX + 1) return;
  const message = `${timing.sentWhileDown} requests within ${now - knownAt} ms to an account that is down`;
  violations.push({ invariant: 'I13', message });
}

/** A sweep comes each minute and starts what is wanted. */
const WANTED_MS_MAX = 2 * MINUTE_MS;

/** I8, once a minute: a tick that came during a run or its grace is followed by a run of its own. */
export function checkWanted({ ports, timing, violations }: Oracle, syncId: string, isDeleted: boolean): void {
  const refused = timing.refusedTicks.get(syncId);
  const item = ports.state.peek({ partition: SYNC_PARTITION, sort: syncId });
  const now = ports.clock.now();
  if (item === undefined || isDeleted || item.phase !== 'idle' || item.paused !== undefined) {
    timing.blockedAt.set(syncId, now);
    return;
  }
  if (refused === undefined || (timing.answeredAt.get(syncId) ?? 0) >= refused.scheduledAt) return;
  const { notBefore } = plainSync(item, syncId);
  const mayStartAt = Math.max(notBefore, refused.at, timing.blockedAt.get(syncId) ?? 0, timing.disturbedAt);
  if (now <= mayStartAt + WANTED_MS_MAX) return;
  timing.refusedTicks.delete(syncId);
  const message = `${syncId}: a tick was refused ${now - refused.at} ms ago, and no run has followed`;
  violations.push({ invariant: 'I8', message });
}
