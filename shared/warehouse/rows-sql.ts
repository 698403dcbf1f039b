/**
 * The model as rows of the stage: key, code of what is wrong, fingerprint, columns as text. Nested derived tables,
 * not WITH, so that no name of ours can hide a table that the model reads.
 */
import { ROW_KEY_CHARACTERS_MAX, STAGE_LINE_BYTES_MAX } from '../core/limits.ts';
import { columnText, FAMILY_LETTER, familyOf, oversizedSuper } from './column-text.ts';
import type { Plan } from './plan.ts';
import { lines, quoted, textLiteral } from './sql-text.ts';

/** Bytes of a stage line that are not column values: names, quotes, hash, attempts. */
const LINE_BYTES = 140;
/** `"c123":"",` around each value. */
const COLUMN_BYTES = 10;
/** Escaping makes six bytes of one at worst: a line shorter than this cannot reach the limit. */
const CERTAIN_BYTES = 8_000;

/**
 * Keys only: `k` (null when there is none), `t` (the value that must be unique, or null), `h` (the cursor, as a
 * timestamp), `b0..` (1 where a hold-check is broken). Cheap: the warehouse computes only what is used.
 */
export function keysSql(plan: Plan): string {
  const columns = [
    `${usableKey('p')} as k`,
    `${plan.twin === undefined ? 'cast(null as varchar(1))' : 'q'} as t`,
    ...(plan.cursor === undefined ? [] : ['h']),
    ...holdChecks(plan).map((_, index) => `b${index}`),
  ];
  const read = [
    `${keyText(plan)} as p`,
    ...(plan.twin === undefined ? [] : [`${textAt(plan, plan.twin)} as q`]),
    ...cursorColumns(plan),
    ...holdChecks(plan).map(({ sql }, index) => `case when not (\n${sql}\n) then 1 else 0 end as b${index}`),
  ];
  return `select ${columns.join(', ')} from (\nselect\n  ${lines(read)}\n${fromModel(plan)}\n) as typed`;
}

/** All of a row: `k`, `e` (code or null), `f`, `z` (bytes of the line), `h`, `c0..cN`. */
export function rowsSql(plan: Plan): string {
  const names = plan.staged.map((_, index) => `c${index}`);
  const typed = [
    `${keyText(plan)} as p`,
    ...plan.staged.map((_, index) => `${textAt(plan, index)} as c${index}`),
    ...cursorColumns(plan),
    `${checkCode(plan)} as v`,
  ];
  const keyed = [
    `${usableKey('p')} as k`,
    `${rowCode(plan)} as e`,
    `sha2(j, 256) as f`,
    'z',
    ...(plan.cursor === undefined ? [] : ['h']),
    ...names,
  ];
  return [
    `select\n  ${lines(keyed)}`,
    `from (\nselect *, ${lineBytes(names)} as z`,
    `from (\nselect *, ${rowText(plan, names)} as j`,
    `from (\nselect *, ${rawBytes(names)} as y`,
    `from (\nselect\n  ${lines(typed)}\n${fromModel(plan)}`,
    `) as typed\n) as sized\n) as joined\n) as measured`,
  ].join('\n');
}

/** Checks whose broken rows are only counted. */
export const holdChecks = (plan: Plan) => plan.sync.checks.filter((check) => check.otherwise === 'hold');

/** Codes that SQL gives, apart from `check:<name>`: a row that carries none of them any more is tried again. */
export const SQL_CODES = ['duplicate_key', 'duplicate_match', 'row_too_long', 'null_cursor'] as const;

export const fromModel = (plan: Plan): string => `from (\n${plan.model}\n) as model`;

/** Null for no key: absent, empty, or too long to be carried. */
const usableKey = (key: string): string =>
  `case when len(${key}) between 1 and ${ROW_KEY_CHARACTERS_MAX} then ${key} end`;

/**
 * Injective: one column is its own text; of several, `~` becomes `~0` and `|` becomes `~1` in each, and `|` joins
 * them. Null when any part is null.
 */
function keyText(plan: Plan): string {
  const parts = plan.key.map(columnText);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return parts.map((part) => `replace(replace(${part}, '~', '~0'), '|', '~1')`).join(" || '|' || ");
}

function textAt(plan: Plan, index: number): string {
  const column = plan.staged[index];
  return column === undefined ? 'cast(null as varchar(1))' : columnText(column);
}

function cursorColumns(plan: Plan): string[] {
  if (plan.cursor === undefined) return [];
  const name = quoted(plan.cursor.name);
  return [`${plan.cursor.type === 'timestamptz' ? `${name} at time zone 'UTC'` : name} as h`];
}

/** The first broken check, or a value too large to be made text. Like SQL's own CHECK, unknown is not broken. */
function checkCode(plan: Plan): string {
  const sizes = plan.staged.flatMap((column) => oversizedSuper(column) ?? []);
  const cases = [
    ...sizes.map((condition) => `when ${condition} then 'row_too_long'`),
    ...plan.sync.checks
      .filter((check) => check.otherwise === 'exclude')
      .map(({ name, sql }) => `when not (\n${sql}\n) then 'check:' || ${textLiteral(name)}`),
  ];
  if (cases.length === 0) return 'cast(null as varchar(1))';
  return `case\n    ${cases.join('\n    ')}\n  end`;
}

/** What is wrong with a row by itself; duplicates are found by comparing rows. */
function rowCode(plan: Plan): string {
  const cases = [
    `when p is null then 'null_key'`,
    `when p = '' then 'empty_key'`,
    `when len(p) > ${ROW_KEY_CHARACTERS_MAX} then 'key_too_long'`,
    ...(plan.cursor === undefined ? [] : [`when h is null then 'null_cursor'`]),
    `when z > ${STAGE_LINE_BYTES_MAX} then 'row_too_long'`,
  ];
  return `case\n    ${cases.join('\n    ')}\n    else v\n  end`;
}

/**
 * What the fingerprint is the SHA-256 of: mapping version, families, and each value with its length (or `-` for
 * null), so that no two rows share a text. Null for a row that is too long anyway: a text stops at 65,535 bytes.
 */
function rowText(plan: Plan, names: readonly string[]): string {
  const families = plan.staged.map((column) => FAMILY_LETTER[familyOf(column)]).join('');
  const head = textLiteral(`${plan.request.definition.mappingVersion}/${families}/`);
  const values = names.map((name) => `coalesce(cast(len(${name}) as varchar) || ':' || ${name}, '-')`);
  return `case when y <= ${STAGE_LINE_BYTES_MAX} then\n  ${[head, ...values].join(' || ')}\n  end`;
}

/** Bytes of key and values before escaping. */
const rawBytes = (names: readonly string[]): string =>
  ['p', ...names].map((name) => `coalesce(octet_length(${name}), 0)`).join(' + ');

/** Bytes of the line as JSON; the escapes of long ones are counted: quotes and backslashes, control characters. */
function lineBytes(names: readonly string[]): string {
  const fixed = LINE_BYTES + COLUMN_BYTES * names.length;
  const without = (characters: string): string => `octet_length(translate(j, ${characters}, ''))`;
  const escapes = `6 * octet_length(j) - ${without(ESCAPED_TWICE)} - 5 * ${without(ESCAPED_SIXFOLD)}`;
  return `y + ${fixed} + case when y > ${CERTAIN_BYTES} then coalesce(${escapes}, 0) else 0 end`;
}

const ESCAPED_TWICE = `'"' || chr(92)`;
const ESCAPED_SIXFOLD = Array.from({ length: 31 }, (_, index) => `chr(${index + 1})`).join(' || ');
