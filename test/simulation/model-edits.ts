/**
 * What people and pipelines do to a model while syncs run: rows come, change, revert, leave, are duplicated, lose
 * their key, turn bad and are mended; a reload empties the table, or leaves half of it, for some minutes.
 */
import type { ModelRow, ModelTable } from '../memory/model-table.ts';
import { timestampText } from '../memory/model-table.ts';
import type { Random } from '../memory/seeded.ts';

/** In every name and every key: text that no log, metric, event, error or state item may hold. */
export const CANARY = '†';

export type Editor = {
  readonly table: ModelTable;
  /** A few edits at this moment; nothing while a reload is at work. */
  edit(nowMs: number): void;
  /** Many new rows at once. */
  grow(nowMs: number): void;
  /** Puts back what was changed last, and takes out what was added last. */
  revert(nowMs: number): void;
  /** Takes rows away until `restore`. */
  reload(kept: number): void;
  restore(): void;
  isWhole(): boolean;
};

const COLUMNS = ['id', 'name', 'score', 'changed_at'].map((name) => ({ name, type: 'varchar' }));

/** `isCoarse`: rows carry whole seconds, so that a cursor window may end exactly where a row is. */
export function modelEditor(random: Random, nowMs: number, isCoarse = false): Editor {
  const stamp = (ms: number): string => timestampText(isCoarse ? Math.floor(ms / COARSE_MS) * COARSE_MS : ms);
  let next = 0;
  let version = 0;
  const former = new Map<string, ModelRow>();
  let hidden: readonly ModelRow[] | undefined;
  const made = (id: string | null, name: string, now: number): ModelRow => {
    version += 1;
    return { id, name, score: String(version), changed_at: stamp(now) };
  };
  const added = (now: number): ModelRow => {
    next += 1;
    return made(keyOf(next), random.pick(NAMES), now);
  };
  const start = random.chance(0.1) ? 0 : 3 + random.below(30);
  const table: ModelTable = {
    columns: COLUMNS,
    rows: Array.from({ length: start }, () => added(nowMs - 1)),
    checks: {},
  };
  const one = (now: number): void => {
    const rows = [...table.rows];
    const at = random.below(Math.max(1, rows.length));
    const row = rows[at];
    const kind = random.pick(EDITS);
    if (row === undefined || kind === 'add') rows.push(added(now));
    else if (kind === 'duplicate') rows.push({ ...row, changed_at: stamp(now) });
    else if (kind === 'keyless') rows.push(made(null, `nobody${CANARY}`, now));
    else if (kind !== 'remove') rows[at] = edited(kind, row, now);
    table.rows =
      kind === 'remove' && row !== undefined ? rows.filter((other) => !leaves(other, row, at)) : rows;
  };
  const edited = (kind: (typeof EDITS)[number], row: ModelRow, now: number): ModelRow => {
    const id = row.id ?? null;
    const changed = kind === 'revert' ? former.get(id ?? '') : undefined;
    if (id !== null) former.set(id, row);
    if (changed !== undefined) return { ...changed, changed_at: stamp(now) };
    return made(id, kind === 'spoil' ? random.pick(SPOILT) : random.pick(NAMES), now);
  };
  return {
    table,
    edit: (now) => {
      if (hidden !== undefined) return;
      for (let turn = random.below(6); turn >= 0; turn -= 1) one(now);
    },
    grow: (now) => {
      if (hidden !== undefined) return;
      table.rows = [...table.rows, ...Array.from({ length: 20 + random.below(30) }, () => added(now))];
    },
    revert: (now) => {
      if (hidden !== undefined) return;
      table.rows = table.rows
        .filter((row) => row.id !== keyOf(next))
        .map((row) => {
          const changed = former.get(row.id ?? '');
          return changed === undefined ? row : { ...changed, changed_at: stamp(now) };
        });
      former.clear();
    },
    reload: (kept) => {
      if (hidden !== undefined) return;
      hidden = table.rows;
      table.rows = table.rows.slice(0, kept);
    },
    restore: () => {
      if (hidden !== undefined) table.rows = hidden;
      hidden = undefined;
    },
    isWhole: () => hidden === undefined,
  };
}

/** One row goes, or all that have its key: a duplicate that goes alone leaves a good row behind. */
const leaves = (other: ModelRow, row: ModelRow, at: number): boolean =>
  other === row || (at % 2 === 0 && other.id === row.id);

export const keyOf = (number: number): string => `k${number}${CANARY}`;

/** Statements run at whole steps of this too. */
export const COARSE_MS = 10_000;

const NAMES = ['ann', 'bob', 'çelik', 'dot', 'eve 😀', 'bad'].map((name) => `${name}${CANARY}`);
/** Refused, wrong enough to refuse the whole request, and never spoken of. */
const SPOILT = [`bad${CANARY}`, `poison${CANARY}`, `mute${CANARY}`];
const EDITS = [
  'add',
  'add',
  'change',
  'change',
  'change',
  'revert',
  'revert',
  'remove',
  'duplicate',
  'keyless',
  'spoil',
] as const;
