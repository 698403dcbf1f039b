/**
 * Where two versions of a definition differ: paths, never values. The keys of a lookup table are values too (what the
 * warehouse holds), so a change in one is told as a change of the table.
 */
import { canonicalJson } from './canonical-json.ts';
import { AUDIT_PATHS_MAX } from './limits.ts';

export type ChangedPaths = {
  /** `model.sql`, `fields[2].to`; in the order of the names. */
  readonly paths: readonly string[];
  /** There are more than are named. */
  readonly isPartial: boolean;
};

/** Takes two plain values of any shape; undefined is one that is not there. */
export function changedPaths(before: unknown, after: unknown): ChangedPaths {
  const found: string[] = [];
  collect(before, after, '', found);
  return { paths: found.slice(0, AUDIT_PATHS_MAX), isPartial: found.length > AUDIT_PATHS_MAX };
}

function collect(before: unknown, after: unknown, path: string, found: string[]): void {
  if (found.length > AUDIT_PATHS_MAX || canonicalJson(before) === canonicalJson(after)) return;
  const inner = path.endsWith('.lookup') ? undefined : innerOf(before, after, path);
  if (inner === undefined) found.push(path);
  else for (const [at, one, other] of inner) collect(one, other, at, found);
}

type Pair = readonly [path: string, before: unknown, after: unknown];

/** The members of two maps or the entries of two lists; undefined where the values have to be told as one. */
function innerOf(before: unknown, after: unknown, path: string): readonly Pair[] | undefined {
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, at) => [`${path}[${at}]`, before[at], after[at]]);
  }
  if (!isMap(before) || !isMap(after)) return undefined;
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  // A name that is none of ours could be anything, a value too.
  if (!names.every((name) => NAME.test(name))) return path === '' ? known(names, before, after) : undefined;
  return names.map((name) => [path === '' ? name : `${path}.${name}`, before[name], after[name]]);
}

/** At the top there is nothing to tell it as: odd names share one path. */
function known(
  names: readonly string[],
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): readonly Pair[] {
  const odd = names.filter((name) => !NAME.test(name));
  const rest = (map: Readonly<Record<string, unknown>>): readonly unknown[] => odd.map((name) => map[name]);
  const plain = names.filter((name) => NAME.test(name));
  return [
    ...plain.map((name): Pair => [name, before[name], after[name]]),
    ['(other)', JSON.stringify(rest(before)), JSON.stringify(rest(after))],
  ];
}

const NAME = /^[A-Za-z_]\w{0,63}$/;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Set);
