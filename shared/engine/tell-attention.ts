/**
 * Tells operators by name who needs somebody, and who no longer does: one event for all that has changed between two looks
 * of the watch. What is seen twice in a row is told, what is missing twice in a row is over, so that nothing flaps.
 *
 * The ATTENTION item holds who was told; every write names its `rev`, so of two calls one wins:
 *
 *   told --something changed--> claimed: `told` as it is now, `saying` what the event says. Then it is published.
 *   claimed --published--> told: `saying` is gone
 *   claimed --next look--> the process died in between, or the bus was away: `saying` is published first
 *
 * At least once: whoever dies after the event and before its last write makes it told twice, never not at all.
 */
import { type Attention, keyOf, NEEDS, type Need, whoOf } from '../core/attention.ts';
import { ATTENTION_AGE_MS_MAX, ATTENTION_NAMED_MAX, ATTENTION_TOLD_MAX } from '../core/limits.ts';
import { ATTENTION_KEY } from '../core/names.ts';
import { attentionItemSchema } from '../core/state-items.ts';
import type { Item, Ports } from '../ports.ts';
import type { Sight } from './watch-sight.ts';

export type AttentionPorts = Pick<Ports, 'state' | 'events' | 'telemetry'>;

type Kept = {
  readonly rev: number;
  readonly told: readonly Need[];
  readonly saying?: Attention | undefined;
};

/**
 * Throws what the ports threw: the next look says what this one could not.
 *
 * @param before what was seen the time before, if this process has looked before
 */
export async function tellAttention(
  ports: AttentionPorts,
  now: Sight,
  before: Sight | undefined,
): Promise<void> {
  const kept = keptOf(await ports.state.read(ATTENTION_KEY));
  if (kept.saying !== undefined) return say(ports, kept, kept.saying);
  if (before === undefined || now.at - before.at > ATTENTION_AGE_MS_MAX) return;
  const next = changed(kept.told, now, before);
  if (next === undefined) return;
  const claimed = await write(ports, kept, { set: next });
  if (claimed !== undefined) await say(ports, claimed, next.saying);
}

async function say(ports: AttentionPorts, kept: Kept, saying: Attention): Promise<void> {
  await ports.events.publish({ type: 'Attention Changed', detail: saying });
  await write(ports, kept, { remove: ['saying'] });
  const { needs, over } = saying;
  ports.telemetry.log('info', 'attention_told', { count: needs.length + over.length });
}

/** Undefined when nothing is to be told. */
function changed(
  told: readonly Need[],
  now: Sight,
  before: Sight,
): { readonly told: readonly Need[]; readonly saying: Attention } | undefined {
  const isThere = (need: Need): boolean =>
    [now, before].some(({ needs, lasting }) => needs.has(keyOf(need)) || lasting.has(keyOf(need)));
  const stays = told.filter(isThere);
  const over = told.filter((need) => !isThere(need));
  const known = new Set(stays.map(keyOf));
  // As it was first seen: where nothing else says since when it is so, that does.
  const joining = [...before.needs.values()]
    .filter((need) => now.needs.has(keyOf(need)) && !known.has(keyOf(need)))
    .toSorted(byUrgency);
  // What finds no room is told as others end.
  const joined = joining.slice(0, Math.max(0, ATTENTION_TOLD_MAX - stays.length));
  if (joined.length === 0 && over.length === 0) return undefined;
  const [needs, fewer] = [joined, over].map((all) => all.slice(0, ATTENTION_NAMED_MAX)) as [Need[], Need[]];
  const more = { needs: joining.length - needs.length, over: over.length - fewer.length };
  return { told: [...stays, ...joined], saying: { needs, over: fewer, more } };
}

const byUrgency = (one: Need, other: Need): number =>
  NEEDS.indexOf(one.what) - NEEDS.indexOf(other.what) || (whoOf(one) < whoOf(other) ? -1 : 1);

/** Writes over the item that was read; undefined when somebody else has written it meanwhile. */
async function write(
  { state }: AttentionPorts,
  { rev }: Kept,
  { set, remove }: { readonly set?: Item; readonly remove?: readonly string[] },
): Promise<Kept | undefined> {
  const written = await state.update(ATTENTION_KEY, {
    when: [rev === 0 ? { attribute: 'rev', is: 'absent' } : { attribute: 'rev', is: '=', value: rev }],
    set: { ...set, rev: rev + 1 },
    ...(remove === undefined ? {} : { remove }),
  });
  return written.applied ? keptOf(written.item) : undefined;
}

/** Throws ZodError on an item that is not ours. */
const keptOf = (item: Item | undefined): Kept =>
  item === undefined ? { rev: 0, told: [] } : attentionItemSchema.parse(item);
