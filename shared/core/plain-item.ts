/**
 * The first look at an untrusted definition, before any schema: is it plain data of a sane size?
 *
 * It may come from DynamoDB (sets, bytes, big numbers) or from YAML (aliases that unfold into a bomb, any key). The
 * walk stops at the first limit, copies what is plain, and leaves the rest out with a fault, so that nothing after
 * it meets a surprise.
 */
import { type DefinitionCode, definitionFault, pathText, shown } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { DEFINITION_BYTES_MAX, DEFINITION_DEPTH_MAX, DEFINITION_ENTRIES_MAX } from './limits.ts';
import { textFlaw } from './text-values.ts';

export type PlainMap = Readonly<Record<string, unknown>>;

/** The copy, and what was left out of it; no copy when a limit stopped the walk or the item is no map. */
export type PlainItem = { readonly copy: PlainMap | undefined; readonly faults: readonly DefinitionFault[] };

/** Names that reach into JavaScript's own machinery. */
export const PROTOTYPE_NAMES: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** The table's sort key, which lies in the item beside the definition. */
const SORT_KEY = 'item';

export function plainItem(item: unknown): PlainItem {
  if (!isPlainMap(item)) {
    const message = `a definition is a map of names to values, and this is ${kindOf(item)}`;
    return {
      copy: undefined,
      faults: [definitionFault('', 'not_a_map', message, 'write an item with syncId, model, …')],
    };
  }
  const walk: Walk = { bytes: 0, entries: 0, faults: [], stopped: false };
  const { [SORT_KEY]: _, ...definition } = item;
  // A spread drops nothing else: `__proto__` as an own name stays an own name.
  const copy = copyOfMap(definition, [], walk);
  return { copy: walk.stopped ? undefined : copy, faults: walk.faults };
}

type Walk = { bytes: number; entries: number; readonly faults: DefinitionFault[]; stopped: boolean };
type Path = readonly PropertyKey[];

/** What stays out of the copy. */
const LEFT_OUT = Symbol('left out');

function copyOf(value: unknown, path: Path, walk: Walk): unknown {
  if (walk.stopped) return LEFT_OUT;
  if (typeof value === 'string') return copyOfText(value, path, walk);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return counted(value, 8, walk);
    return leftOut(
      walk,
      path,
      'number_not_finite',
      `${value} is no number to work with`,
      'write a finite number',
    );
  }
  if (typeof value === 'bigint') return copyOfBigInt(value, path, walk);
  if (JSON.isRawJSON(value)) return tooExact(value.rawJSON, path, walk);
  if (typeof value === 'boolean' || value === null) return counted(value, 4, walk);
  if (path.length > DEFINITION_DEPTH_MAX) return tooDeep(path, walk);
  if (Array.isArray(value)) return copyOfList(value, path, walk);
  if (isPlainMap(value)) return copyOfMap(value, path, walk);
  if (value instanceof Set) {
    const message = 'a set has no order, and its entries do';
    return leftOut(walk, path, 'set_not_list', message, 'write a list (type L in DynamoDB, not SS or NS)');
  }
  const message = `${kindOf(value)} is not a value of a definition`;
  return leftOut(
    walk,
    path,
    'value_not_plain',
    message,
    'write text, a number, true or false, a list or a map',
  );
}

function copyOfText(value: string, path: Path, walk: Walk): unknown {
  count(walk, Buffer.byteLength(value), path);
  const flaw = textFlaw(value);
  if (flaw === undefined || walk.stopped) return value;
  const what = flaw === 'text_has_nul' ? 'a NUL character' : 'half of a surrogate pair';
  return leftOut(walk, path, 'text_not_storable', `the text holds ${what}`, 'take that character out');
}

function copyOfBigInt(value: bigint, path: Path, walk: Walk): unknown {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return counted(number, 8, walk);
  return tooExact(String(value), path, walk);
}

function tooExact(text: string, path: Path, walk: Walk): unknown {
  const message = `${shown(text)} has more digits than a number holds and would lose some`;
  return leftOut(walk, path, 'number_not_exact', message, 'write it as text, in quotes');
}

function copyOfList(list: readonly unknown[], path: Path, walk: Walk): unknown {
  // The length first: a sparse list may claim billions of entries.
  countEntries(walk, list.length, path);
  if (walk.stopped) return LEFT_OUT;
  return Array.from(list, (entry, index) => copyOf(entry, [...path, index], walk)).map((entry) =>
    entry === LEFT_OUT ? undefined : entry,
  );
}

function copyOfMap(map: PlainMap, path: Path, walk: Walk): PlainMap {
  const names = Object.keys(map);
  countEntries(walk, names.length, path);
  const copy: Record<string, unknown> = {};
  for (const name of names) {
    if (walk.stopped) break;
    // An absent member and an undefined one are the same to people.
    if (map[name] === undefined) continue;
    if (!isNameAllowed(name, path, walk)) continue;
    const value = copyOf(map[name], [...path, name], walk);
    if (value !== LEFT_OUT) copy[name] = value;
  }
  return copy;
}

function isNameAllowed(name: string, path: Path, walk: Walk): boolean {
  count(walk, Buffer.byteLength(name), path);
  if (PROTOTYPE_NAMES.includes(name)) {
    const message = `the name ${shown(name)} is not allowed anywhere`;
    leftOut(walk, [...path, name], 'prototype_name', message, 'choose another name');
    return false;
  }
  if (textFlaw(name) === undefined) return true;
  const message = `the name ${shown(name)} holds a NUL or half of a surrogate pair`;
  leftOut(walk, [...path, name], 'text_not_storable', message, 'choose another name');
  return false;
}

function leftOut(walk: Walk, path: Path, code: DefinitionCode, message: string, remedy: string): symbol {
  walk.faults.push(definitionFault(pathText(path), code, message, remedy));
  return LEFT_OUT;
}

function counted<T>(value: T, bytes: number, walk: Walk): T {
  walk.bytes += bytes;
  return value;
}

function count(walk: Walk, bytes: number, path: Path): void {
  walk.bytes += bytes;
  if (walk.bytes <= DEFINITION_BYTES_MAX || walk.stopped) return;
  const message = `the definition is larger than ${DEFINITION_BYTES_MAX} bytes, reached here`;
  leftOut(
    walk,
    path,
    'definition_too_large',
    message,
    'move logic into a view of the warehouse, or split the sync',
  );
  walk.stopped = true;
}

function countEntries(walk: Walk, entries: number, path: Path): void {
  walk.entries += entries;
  if (walk.entries <= DEFINITION_ENTRIES_MAX || walk.stopped) return;
  const message = `the definition has more than ${DEFINITION_ENTRIES_MAX} members and entries, reached here`;
  leftOut(
    walk,
    path,
    'definition_too_many_entries',
    message,
    'make large lookup tables a join in the model’s SQL',
  );
  walk.stopped = true;
}

function tooDeep(path: Path, walk: Walk): symbol {
  const message = `the definition nests more than ${DEFINITION_DEPTH_MAX} levels`;
  walk.stopped = true;
  const remedy = 'flatten it; nothing in a definition needs that';
  return leftOut(walk, path.slice(0, 4), 'definition_too_deep', message, remedy);
}

export function isPlainMap(value: unknown): value is PlainMap {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'binary data';
  if (value instanceof Set) return 'a set';
  if (value instanceof Map) return 'a map with keys that are not text';
  return typeof value === 'object' ? 'an object of a class' : `a ${typeof value}`;
}
