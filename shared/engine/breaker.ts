/**
 * The circuit breaker of a destination account: the item BREAKER is the authority, a mark on BUDGET keeps every
 * loader from reserving. Transport and auth faults count, rejected rows never.
 *
 *   closed --BREAKER_FAULTS in a row at one loader--> open (generation + 1, until now + 1..15 times the least)
 *   open, time is up --one loader elected (generation + 1)--> probing: it sends a single request
 *   probing --answered--> closed, the rate ramps up · --failed--> open, twice as long
 *   probing, its owner died --time is up--> another is elected (generation + 1)
 *
 * Every step is conditional on the generation, and every election makes a new one: at most one probe each.
 */
import { BREAKER_OPEN_MS_MAX, BREAKER_OPEN_MS_MIN } from '../core/limits.ts';
import { breakerKey, budgetKey } from '../core/names.ts';
import type { Attribute, Item, LoaderPorts, StateStore } from '../ports.ts';
import { absentOr, same } from './conditions.ts';

export type Breaker = {
  readonly state: 'closed' | 'open' | 'probing';
  readonly generation: number;
  readonly openUntil: number;
  /** Times opened without closing in between. */
  readonly opens: number;
  readonly probeUntil: number;
};

type BreakerPorts = Pick<LoaderPorts, 'clock' | 'state' | 'account' | 'settings' | 'events' | 'telemetry'>;

export async function readBreaker(state: StateStore, account: string): Promise<Breaker> {
  return breakerOf(await state.read(breakerKey(account)));
}

/** Is a probe due: open and its time over, or a probe whose owner is gone. */
export const probeDue = (breaker: Breaker, now: number): boolean =>
  (breaker.state === 'open' && breaker.openUntil <= now) ||
  (breaker.state === 'probing' && breaker.probeUntil <= now);

/**
 * Opens the breaker as it was seen; nothing when somebody else changed it. One that is open already only gets its
 * mark again: whoever opened it may have died before. Gives the breaker as it is now.
 */
export async function tripBreaker(ports: BreakerPorts, seen: Breaker, code: string): Promise<Breaker> {
  const { account, clock, state, settings } = ports;
  if (seen.state === 'open' && seen.openUntil > clock.now()) {
    await mark(ports, seen);
    return seen;
  }
  const opens = seen.opens + 1;
  const openMs = openFor(settings.breakerOpenMs, opens);
  const written = await state.update(breakerKey(account.name), {
    when: [sameGeneration(seen)],
    set: {
      state: 'open',
      generation: seen.generation + 1,
      opens,
      openUntil: clock.now() + openMs,
      code,
    },
    remove: ['probeUntil', 'probeOwner'],
  });
  const breaker = breakerOf(written.item);
  if (breaker.state !== 'closed') await mark(ports, breaker);
  if (written.applied) await announce(ports, 'Breaker Opened', { code, openMs });
  return breaker;
}

/** The probe's ticket, or undefined when another has it or it is not due. `probeMs`: how long the owner may take. */
export async function electProbe(
  ports: BreakerPorts,
  seen: Breaker,
  owner: string,
  probeMs: number,
): Promise<Breaker | undefined> {
  const now = ports.clock.now();
  if (!probeDue(seen, now)) return undefined;
  const written = await ports.state.update(breakerKey(ports.account.name), {
    when: [sameGeneration(seen), { attribute: 'state', is: '=', value: seen.state }],
    set: {
      state: 'probing',
      generation: seen.generation + 1,
      probeOwner: owner,
      probeUntil: now + probeMs,
    },
  });
  return written.applied ? breakerOf(written.item) : undefined;
}

/** The probe was answered: closed, and the account's rate ramps up from an eighth. */
export async function closeBreaker(ports: BreakerPorts, ticket: Breaker): Promise<void> {
  const now = ports.clock.now();
  const written = await ports.state.update(breakerKey(ports.account.name), {
    when: [sameGeneration(ticket)],
    set: { state: 'closed', opens: 0 },
    remove: ['probeUntil', 'probeOwner', 'openUntil', 'code'],
  });
  if (!written.applied) return;
  await unmark(ports, ticket.generation, now);
  await announce(ports, 'Breaker Closed', {});
}

/**
 * BUDGET says open, BREAKER says closed: the closer died between its two writes. Anyone may finish for it.
 */
export async function unmarkClosed(ports: BreakerPorts, seen: Breaker): Promise<void> {
  if (seen.state === 'closed') await unmark(ports, seen.generation, ports.clock.now());
}

async function mark({ state, account }: BreakerPorts, { generation }: Breaker): Promise<void> {
  await state.update(budgetKey(account.name), {
    when: [absentOr('breaker', '<', generation)],
    set: { breaker: generation },
  });
}

async function unmark({ state, account }: BreakerPorts, generation: number, now: number): Promise<void> {
  await state.update(budgetKey(account.name), {
    when: [{ attribute: 'breaker', is: '<=', value: generation }],
    set: { rampAt: now },
    remove: ['breaker'],
  });
}

function openFor(leastMs: number, opens: number): number {
  const mostMs = leastMs * (BREAKER_OPEN_MS_MAX / BREAKER_OPEN_MS_MIN);
  return Math.min(leastMs * 2 ** (opens - 1), mostMs);
}

const sameGeneration = ({ generation }: Breaker) =>
  same('generation', generation === 0 ? undefined : generation);

async function announce(
  { account, events, telemetry }: BreakerPorts,
  type: 'Breaker Opened' | 'Breaker Closed',
  detail: Readonly<Record<string, Attribute>>,
): Promise<void> {
  telemetry.count(type === 'Breaker Opened' ? 'breaker_opened' : 'breaker_closed', 1, account.name);
  await events.publish({ type, detail: { account: account.name, ...detail } });
}

function breakerOf(item: Item | undefined): Breaker {
  const state = item?.state === 'open' || item?.state === 'probing' ? item.state : 'closed';
  const number = (name: string): number => (typeof item?.[name] === 'number' ? item[name] : 0);
  return {
    state,
    generation: number('generation'),
    openUntil: number('openUntil'),
    opens: number('opens'),
    probeUntil: number('probeUntil'),
  };
}
