/**
 * Compares what a destination holds with what it must hold, field by field. Differences are named by record and field,
 * never by value, and only the first few: what is printed of a million rows fits on a screen.
 */
import type { Expectation, FieldKind } from './expected.ts';

export type Comparison = {
  readonly compared: number;
  /** Records beyond the expected ones, and allowed. */
  readonly beyond: number;
  readonly differences: number;
  readonly examples: readonly string[];
};

const EXAMPLES_MAX = 5;

/**
 * @param held every record of the destination, by name; numbers exact
 * @param expected rows of the expectation's query: the name, then the other fields in order, all text or null
 */
export async function compare(
  { fields, beyond: allowed }: Expectation,
  held: Map<string, Readonly<Record<string, unknown>>>,
  expected: AsyncIterable<readonly (string | null)[]> | Iterable<readonly (string | null)[]>,
): Promise<Comparison> {
  const kinds = Object.entries(fields);
  const found: string[] = [];
  let differences = 0;
  let compared = 0;
  const differ = (what: string): void => {
    differences += 1;
    if (found.length < EXAMPLES_MAX) found.push(what);
  };
  for await (const row of expected) {
    const name = row[0] ?? '';
    const record = held.get(name);
    held.delete(name);
    compared += 1;
    if (record === undefined) differ(`${name} is missing`);
    else for (const field of wrongFields(kinds, record, row)) differ(`${name}: ${field} differs`);
  }
  for (const [name, record] of held) {
    if (allowed === undefined) differ(`${name} should not be there`);
    else if (allowed === 'cleared' && !isCleared(kinds, record)) differ(`${name} should be cleared`);
  }
  return { compared, beyond: allowed === undefined ? 0 : held.size, differences, examples: found };
}

function wrongFields(
  kinds: readonly (readonly [string, FieldKind])[],
  record: Readonly<Record<string, unknown>>,
  row: readonly (string | null)[],
): string[] {
  const wrong = kinds.filter(([field, kind], at) => !holds(record[field] ?? null, kind, row[at] ?? null));
  const unknown = Object.keys(record).filter((field) => !kinds.some(([name]) => name === field));
  return [...wrong.map(([field]) => field), ...unknown];
}

function holds(value: unknown, kind: FieldKind, expected: string | null): boolean {
  if (value === null || expected === null) return value === expected;
  switch (kind) {
    case 'text':
      return value === expected;
    case 'boolean':
      return typeof value === 'boolean' && String(value) === expected;
    case 'json':
      return canonical(value) === canonical(JSON.parse(expected, exactNumbers));
    case 'number':
      return digits(value) === expected;
  }
}

const digits = (value: unknown): string | undefined => {
  if (JSON.isRawJSON(value)) return value.rawJSON;
  return typeof value === 'number' ? String(value) : undefined;
};

function exactNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value;
  return JSON.rawJSON(context.source);
}

/** Members in order, numbers by their digits. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'number') return JSON.rawJSON(String(inner));
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner) || JSON.isRawJSON(inner))
      return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function isCleared(
  [, ...others]: readonly (readonly [string, FieldKind])[],
  record: Readonly<Record<string, unknown>>,
): boolean {
  return others.every(([field]) => (record[field] ?? null) === null);
}
