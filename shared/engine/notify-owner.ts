/**
 * Tells the owner of a sync what needs a person, at most once an hour, and once when all is well again. Called for
 * events about a sync, in any order and number, and from time to time for all; each call looks at the state.
 *
 * The NOTICE item of a sync, and what moves it (every write names `rev`, so of two calls one wins):
 *
 *   (none) or told --claim--> claimed: `triedAt` or `healTriedAt` is now, `told.sure` false. Then SNS is called.
 *   claimed --settle--> told.sure true; or, after `healed`, nothing is told any more
 *   claimed --an hour--> the call after the claim was lost with its process: whatever is true then is told
 *
 * The claim counts, not the call: a crash between them costs a delay of an hour, never a second message within it.
 */
import { fingerprintOf } from '../core/accept.ts';
import { OWNER_NOTICE_MS, OWNER_REMINDER_MS } from '../core/limits.ts';
import { noticeKey } from '../core/names.ts';
import { type About, healedMessage, type Trouble, troubleMessage } from '../core/owner-message.ts';
import type { Clock, Item, OwnerTopic, Ports, Update } from '../ports.ts';
import {
  type FactPorts,
  isQuiet,
  type OwnerFacts,
  readFacts,
  type Sign,
  signsOf,
} from './notify-owner-facts.ts';
import { type Notice, noticeOf, type Told } from './notify-owner-notice.ts';
import { type TroublePorts, troublesOf } from './notify-owner-troubles.ts';

export type OwnerPorts = FactPorts &
  TroublePorts &
  Pick<Ports, 'telemetry'> & {
    readonly clock: Pick<Clock, 'now'>;
    readonly topic: OwnerTopic;
    readonly environment: string;
  };

export type NotifyResult = {
  /**
   * - `told`, `healed`: a message went out · `well`: nothing to say · `known`: the owner knows
   * - `waiting`: not yet, a later call tells · `contended`: another call is telling
   */
  readonly is: 'told' | 'healed' | 'well' | 'known' | 'waiting' | 'contended';
};

/** Throws transient Faults of the ports: repeat, or wait for the next look at all syncs. */
export async function notifyOwner(
  ports: OwnerPorts,
  { syncId }: { readonly syncId: string },
): Promise<NotifyResult> {
  const notice = noticeOf(await ports.state.read(noticeKey(syncId)));
  const facts = await readFacts(ports, syncId);
  const signs = signsOf(facts);
  const result =
    signs.length === 0
      ? await tellHealed(ports, notice, facts)
      : await tellTrouble(ports, notice, facts, signs);
  if (result.is === 'told' || result.is === 'healed') {
    ports.telemetry.log('info', 'owner_notified', { syncId, is: result.is, epoch: facts.sync.epoch });
  }
  return result;
}

async function tellTrouble(
  ports: OwnerPorts,
  notice: Notice,
  facts: OwnerFacts,
  signs: readonly Sign[],
): Promise<NotifyResult> {
  const now = ports.clock.now();
  const { syncId } = facts.sync;
  const looked = fingerprintOf(signs);
  const isFresh = notice.told?.sure === true && now - notice.told.at < OWNER_REMINDER_MS;
  if (isFresh && notice.looked === looked) return { is: 'known' };
  if (isWithinTheHour(notice.triedAt, now)) return { is: 'waiting' };
  const troubles = await troublesOf(ports, facts, signs);
  const signature = fingerprintOf(troubles.map(saidOf));
  if (isFresh && notice.told?.signature === signature) {
    await write(ports, syncId, notice, { set: { looked } });
    return { is: 'known' };
  }
  const told = toldOf(notice.told, facts, signs, { signature, at: now });
  const claimed = await write(ports, syncId, notice, { set: { told, looked, triedAt: now } });
  if (claimed === undefined) return { is: 'contended' };
  await ports.topic.publish(troubleMessage(aboutOf(ports, facts), troubles));
  await write(ports, syncId, claimed, { set: { told: { ...told, sure: true } } });
  return { is: 'told' };
}

/** What an owner would notice: the same rows for the same reasons are no news because another run has looked at them. */
function saidOf(trouble: Trouble): object {
  if (trouble.is !== 'rows') return trouble;
  const { is, rows, reasons, unkeyed } = trouble;
  return { is, rows, reasons, unkeyed };
}

/** What the owner knows by now: what was told before stays told until all of it has healed. */
function toldOf(
  before: Told | undefined,
  { sync, committed }: OwnerFacts,
  signs: readonly Sign[],
  now: { readonly signature: string; readonly at: number },
): Told {
  const has = (...kinds: Sign['is'][]): boolean => signs.some(({ is }) => kinds.includes(is));
  // A run that was held, or stopped before its end, heals by a commit of its own number or a later one.
  const healsAt = has('held', 'paused', 'stopped') ? sync.epoch : 0;
  const unkeyed = has('rows') && (committed?.extraction?.nullKeys ?? 0) > 0;
  return {
    ...now,
    sure: false,
    healsAt: Math.max(healsAt, before?.healsAt ?? 0),
    rows: has('rows') || before?.rows === true,
    unkeyed: unkeyed || before?.unkeyed === true,
  };
}

async function tellHealed(ports: OwnerPorts, notice: Notice, facts: OwnerFacts): Promise<NotifyResult> {
  const { told } = notice;
  if (told === undefined) return { is: 'well' };
  const { syncId } = facts.sync;
  if (isQuiet(facts)) {
    await write(ports, syncId, notice, { remove: FORGOTTEN });
    return { is: 'well' };
  }
  if (!hasHealed(facts, told)) return { is: 'waiting' };
  const now = ports.clock.now();
  if (isWithinTheHour(notice.healTriedAt, now)) return { is: 'waiting' };
  const claimed = await write(ports, syncId, notice, { set: { healTriedAt: now } });
  if (claimed === undefined) return { is: 'contended' };
  const isByCursor = facts.accepted?.sync.model.changes.by === 'cursor';
  await ports.topic.publish(
    healedMessage(aboutOf(ports, facts), {
      epoch: facts.sync.snapshotEpoch,
      hadRows: told.rows,
      unkeyed: told.unkeyed && isByCursor,
    }),
  );
  await write(ports, syncId, claimed, { remove: FORGOTTEN });
  return { is: 'healed' };
}

const FORGOTTEN = ['told', 'looked', 'healTriedAt'];

/** Nothing is wrong, and a run has shown it: committed, recorded, with no epoch left whose rows are in doubt. */
function hasHealed({ sync, committed }: OwnerFacts, told: Told): boolean {
  const { snapshotEpoch, dirty, paused } = sync;
  if (paused !== undefined) return false;
  if (!told.rows && told.healsAt === 0) return true;
  return committed !== undefined && dirty.length === 0 && snapshotEpoch >= told.healsAt;
}

const isWithinTheHour = (triedAt: number | undefined, now: number): boolean =>
  triedAt !== undefined && now - triedAt < OWNER_NOTICE_MS;

const aboutOf = ({ environment }: OwnerPorts, { sync, owner }: OwnerFacts): About => ({
  environment,
  syncId: sync.syncId,
  owner,
});

/** Writes the notice over the one that was read; undefined when somebody else has written it meanwhile. */
async function write(
  { state }: Pick<Ports, 'state'>,
  syncId: string,
  { rev }: Notice,
  { set, remove }: { readonly set?: Item; readonly remove?: readonly string[] },
): Promise<Notice | undefined> {
  const update: Update = {
    when: [rev === 0 ? { attribute: 'rev', is: 'absent' } : { attribute: 'rev', is: '=', value: rev }],
    set: { ...set, rev: rev + 1 },
    ...(remove === undefined ? {} : { remove }),
  };
  const written = await state.update(noticeKey(syncId), update);
  return written.applied ? noticeOf(written.item) : undefined;
}
