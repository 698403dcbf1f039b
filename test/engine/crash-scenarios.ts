/**
 * Fault-free histories, one for each sync mode and way of change, and for what people do to a run: what is killed at
 * every effect in `crash-points.test.ts`. Small models, but with everything that takes a path of its own: rows that
 * are added, changed, reverted, removed, rejected, refused with their whole request, invalid, and mended.
 */

import type { ModelRow } from '../memory/model-table.ts';
import type { Shape } from '../simulation/destination.ts';
import { CANARY } from '../simulation/model-edits.ts';

/** What people do in the minute `minute` after tick `tick` (both from 0); repeated until it has gone through. */
export type Act = {
  readonly tick: number;
  readonly minute: number;
  readonly does: 'pause' | 'resume' | 'edit' | 'delete' | 'write again';
};

export type Scenario = {
  readonly name: string;
  /** Parts of the definition, as `writtenSync` takes them. */
  readonly parts: Readonly<Record<string, unknown>>;
  readonly shape: Shape;
  readonly extraction: 'unload' | 'pages';
  /** What is done with a held run. */
  readonly holds: 'approve' | 'discard';
  readonly acts: readonly Act[];
  /** The model at each tick; the last one stays. */
  readonly models: readonly ((stamp: string) => readonly ModelRow[])[];
  /** Between the ticks rows come and go and change their order, until the last model is there. */
  readonly isRestless: boolean;
  /** Records that somebody else has made. */
  readonly records: readonly string[];
  /**
   * Keys in the failure set at the end of the history without a kill: an update of a record that is not there, an
   * insert of one that was inserted before.
   */
  readonly failing: readonly string[];
};

const row = (id: string | null, name: string, score: string, changed_at: string): ModelRow => ({
  id: id === null ? null : told(id),
  name: told(name),
  score,
  changed_at,
});

/** As people write it, and what no log, event or state item may hold. */
const told = (text: string): string => `${text}${CANARY}`;

/** Bad, keyless and duplicated rows; then mended, changed, poisoned, removed; then reverted and mended again. */
const LIFE: Scenario['models'] = [
  (at) => [
    row('k1', 'ann', '1', at),
    row('k2', 'bob', '1', at),
    row('k3', 'bad', '1', at),
    row('k4', 'dot', '1', at),
    row('k5', 'eve', '1', at),
    row('k6', 'fay', '1', at),
    row('k6', 'fay', '2', at),
    row(null, 'nobody', '1', at),
    row('k7', 'gil', '1', at),
  ],
  (at) => [
    row('k1', 'ann', '2', at),
    row('k2', 'bob', '2', at),
    row('k3', 'çelik', '2', at),
    row('k4', 'dot', '1', EARLY),
    row('k5', 'poison', '2', at),
    row('k6', 'fay', '3', at),
    row('k9', 'ida', '1', at),
  ],
  (at) => [
    row('k1', 'ann', '1', at),
    row('k2', 'bob', '2', EARLY),
    row('k3', 'çelik', '2', EARLY),
    row('k5', 'eve', '3', at),
    row('k6', 'fay', '3', EARLY),
    row('k9', 'ida', '1', EARLY),
  ],
];
/** Changed in an earlier run: a cursor does not see it again. */
const EARLY = '2026-01-05 00:00:00.000000';

/** A job that is refused takes its rows with it, and which those are depends on how the stage is cut. */
const withoutPoison = (models: Scenario['models']): Scenario['models'] =>
  models.map(
    (model) => (at) =>
      model(at).map((one) => (one.name === told('poison') ? { ...one, name: told('bad') } : one)),
  );

/** Everything leaves but one row, and is there again. */
const EMPTIED: Scenario['models'] = [
  (at) => ['k1', 'k2', 'k3', 'k4'].map((id) => row(id, `name ${id}`, '1', at)),
  (at) => [row('k1', 'name k1', '2', at)],
  (at) => ['k1', 'k2', 'k3', 'k4'].map((id) => row(id, `name ${id}`, '2', at)),
];

const CALLS: Shape = { kind: 'calls', idempotency: 'idempotent' };
const KEYED: Shape = { kind: 'calls', idempotency: 'keyed' };
const UNSAFE: Shape = { kind: 'calls', idempotency: 'unsafe' };
const JOBS: Shape = { kind: 'jobs', idempotency: 'idempotent' };
const CURSOR = { by: 'cursor', column: 'changed_at', lagSeconds: 0 };
const FEW_DELETES = { guards: { maxDeletes: 2, maxDeleteRatio: 1, maxShrink: 1 } };

type Parts = Partial<Omit<Scenario, 'name' | 'parts'>>;
type Definition = { readonly mode: string; readonly removed?: string; readonly unknowns?: string };

function scenario(name: string, changes: object, destination: Definition, more: Parts = {}): Scenario {
  return {
    name,
    parts: { changes, destination },
    shape: CALLS,
    extraction: 'unload',
    holds: 'approve',
    acts: [],
    models: LIFE,
    isRestless: false,
    records: destination.mode === 'update' ? ['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7'].map(told) : [],
    failing: destination.mode === 'update' ? [told('k9')] : [],
    ...more,
  };
}

const DIFF = { by: 'diff' };
const ALL = { by: 'all' };

export const SCENARIOS: readonly Scenario[] = [
  scenario('cursor upsert', CURSOR, { mode: 'upsert' }),
  scenario('cursor update', CURSOR, { mode: 'update' }),
  scenario(
    'cursor insert, class B',
    CURSOR,
    { mode: 'insert' },
    { shape: KEYED, failing: [told('k2'), told('k5')] },
  ),
  scenario('diff upsert', DIFF, { mode: 'upsert' }),
  scenario('diff update, removed: clear', DIFF, { mode: 'update', removed: 'clear' }),
  scenario('diff insert, class C', DIFF, { mode: 'insert', unknowns: 'mark' }, { shape: UNSAFE }),
  scenario('diff mirror', DIFF, { mode: 'mirror' }, { isRestless: true }),
  scenario('diff mirror, removed: clear', DIFF, { mode: 'mirror', removed: 'clear' }),
  scenario('diff mirror by jobs', DIFF, { mode: 'mirror' }, { shape: JOBS, models: withoutPoison(LIFE) }),
  scenario('all upsert', ALL, { mode: 'upsert' }, { isRestless: true }),
  scenario('cursor upsert by pages', CURSOR, { mode: 'upsert' }, { extraction: 'pages' }),
  scenario('diff mirror by pages', DIFF, { mode: 'mirror' }, { extraction: 'pages', isRestless: true }),
  scenario('all mirror by pages', ALL, { mode: 'mirror' }, { extraction: 'pages' }),
  scenario('all update', ALL, { mode: 'update' }),
  scenario(
    'all insert, class B',
    ALL,
    { mode: 'insert' },
    { shape: KEYED, failing: [told('k2'), told('k5')] },
  ),
  scenario('all mirror', ALL, { mode: 'mirror' }),
  {
    ...scenario('diff mirror, held and approved', DIFF, { mode: 'mirror' }, { models: EMPTIED }),
    parts: { changes: DIFF, destination: { mode: 'mirror' }, ...FEW_DELETES },
  },
  {
    ...scenario('all mirror, held and discarded', ALL, { mode: 'mirror' }, { models: EMPTIED }),
    parts: { changes: ALL, destination: { mode: 'mirror' }, ...FEW_DELETES },
    holds: 'discard',
  },
  scenario(
    'diff mirror, paused in a run',
    DIFF,
    { mode: 'mirror' },
    {
      acts: [
        { tick: 1, minute: 1, does: 'pause' },
        { tick: 2, minute: 0, does: 'resume' },
      ],
    },
  ),
  scenario(
    'cursor upsert, stopped, resumed and edited',
    CURSOR,
    { mode: 'upsert' },
    {
      acts: [
        { tick: 0, minute: 1, does: 'pause' },
        { tick: 0, minute: 2, does: 'resume' },
        { tick: 1, minute: 1, does: 'edit' },
      ],
    },
  ),
  scenario(
    'diff upsert, deleted in a run and written again',
    DIFF,
    { mode: 'upsert' },
    {
      acts: [
        { tick: 1, minute: 1, does: 'delete' },
        { tick: 1, minute: 4, does: 'write again' },
      ],
    },
  ),
];
