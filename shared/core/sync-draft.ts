/**
 * A definition half understood: every part that has its shape is read, the others are absent. Rules across fields
 * look at this, so that one misspelt name does not hide everything else that is wrong.
 */
import { isPlainMap, type PlainMap } from './plain-item.ts';
import {
  type Check,
  changesSchema,
  checkSchema,
  destinationSchema,
  type Field,
  fieldSchema,
  modelSchema,
  type Schedule,
  scheduleSchema,
} from './sync.ts';

type Parser<T> = { safeParse(value: unknown): { success: true; data: T } | { success: false } };

const part = <T>(schema: Parser<T>, value: unknown): T | undefined => {
  if (value === undefined) return undefined;
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
};

/** What the environment has. */
export type Known = {
  readonly accounts: readonly string[];
  /** Columns that hold personal data wherever they occur; their treatment must be stated. */
  readonly personalColumns?: readonly string[];
};

export type Draft = ReturnType<typeof draftOf>;

/** Takes the plain copy of an item; gives its parts. */
export function draftOf(item: PlainMap) {
  const model = mapOf(item.model);
  const destination = mapOf(item.destination);
  const { account, mode, matchOn, removed } = destinationSchema.shape;
  return {
    item,
    schedule: part<Schedule>(scheduleSchema, item.schedule),
    by: part(changesSchema, model.changes)?.by,
    primaryKey: part(modelSchema.shape.primaryKey, model.primaryKey) ?? [],
    pii: part(modelSchema.shape.pii, model.pii) ?? {},
    account: part(account, destination.account),
    mode: part(mode, destination.mode),
    matchOn: part(matchOn, destination.matchOn),
    removed: part(removed, destination.removed),
    /** By position; undefined where an entry has not the shape of a field. */
    fields: listOf(item.fields).map((field) => part<Field>(fieldSchema, field)),
    /** By position, from entries of any shape: what each says it fills. */
    targets: listOf(item.fields).map((field) => textOf(mapOf(field).to)),
    checks: listOf(item.checks).map((check) => part<Check>(checkSchema, check)),
  };
}

export const mapOf = (value: unknown): PlainMap => (isPlainMap(value) ? value : {});
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
