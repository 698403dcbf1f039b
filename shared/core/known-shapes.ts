/**
 * What the schema cannot say of itself: the names known at each place, the unions that a name decides, and the
 * texts whose shape is a rule of its own.
 */
import type { DefinitionCode } from './definition-codes.ts';
import {
  changesSchema,
  checkSchema,
  conversionSchema,
  destinationSchema,
  fieldSchema,
  guardsSchema,
  modelSchema,
  scheduleSchema,
  syncSchema,
} from './sync.ts';

type Shaped = { readonly shape: object };
const namesOf = (...shapes: readonly Shaped[]): readonly string[] => [
  ...new Set(shapes.flatMap(({ shape }) => Object.keys(shape))),
];

/** By place. */
export const NAMES: Readonly<Record<string, readonly string[]>> = {
  '': namesOf(syncSchema),
  schedule: namesOf(...scheduleSchema.options),
  model: namesOf(modelSchema),
  'model.changes': namesOf(...changesSchema.options),
  destination: namesOf(destinationSchema),
  'fields[]': namesOf(...fieldSchema.options),
  'fields[].as': namesOf(conversionSchema),
  'checks[]': namesOf(...checkSchema.options),
  guards: namesOf(guardsSchema),
};

/** The names that may stand at a place such as `fields[].as`. */
export const knownNames = (place: string): readonly string[] => NAMES[place] ?? [];

/** Unions in which exactly one of some names is present. */
export const UNION_CHOICES: Readonly<
  Record<
    string,
    {
      /** In the order of the union's branches. */
      readonly names: readonly string[];
      readonly missing: DefinitionCode;
      readonly ambiguous: DefinitionCode;
      /** Names of one branch only, and whose. */
      readonly only: Readonly<Record<string, string>>;
    }
  >
> = {
  schedule: {
    names: ['every', 'cron'],
    missing: 'schedule_kind_missing',
    ambiguous: 'schedule_kind_ambiguous',
    only: { timezone: 'cron', align: 'every' },
  },
  'fields[]': {
    names: ['from', 'value', 'template'],
    missing: 'field_source_missing',
    ambiguous: 'field_source_ambiguous',
    only: {},
  },
};

type Told = { readonly code: DefinitionCode; readonly rule: string; readonly remedy: string };

/** Texts with a shape of their own; `anyType` also takes over when the type is wrong. */
export const SHAPES: Readonly<
  Record<string, { readonly anyType: boolean; readonly tell: (value: unknown) => Told }>
> = {
  syncId: {
    anyType: false,
    tell: () => ({
      code: 'sync_id_shape',
      rule: 'and a sync id is lower-case letters, digits and dashes, a letter first, at most 48',
      remedy: 'write an id such as contacts-to-crm',
    }),
  },
  'destination.account': {
    anyType: false,
    tell: () => ({
      code: 'account_name_shape',
      rule: 'and an account name is lower-case letters, digits and dashes, a letter first, at most 40',
      remedy: 'write the name of an account of this environment, such as crm-main',
    }),
  },
  'schedule.every': { anyType: false, tell: everyFault },
  'checks[].whenMoreThan': {
    anyType: true,
    tell: () => ({
      code: 'share_shape',
      rule: 'and it is a number of rows or a share of the model',
      remedy: 'write a whole number such as 10, or a share such as 5%',
    }),
  },
};

const DURATION =
  /^\s*-?\d+(?:\.\d+)?\s*(?:milliseconds?|seconds?|minutes?|hours?|days?|weeks?|months?|years?)\s*$/i;

function everyFault(value: unknown): Told {
  const remedy = 'write a whole number and minutes, hours or days, such as 15 minutes; for more use cron';
  if (typeof value === 'string' && DURATION.test(value)) {
    const rule = 'which EventBridge cannot express: it knows 1 to 9999 whole minutes, hours or days';
    return { code: 'every_not_expressible', rule, remedy };
  }
  return { code: 'every_shape', rule: 'and it is a number and minutes, hours or days', remedy };
}
