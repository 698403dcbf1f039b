/**
 * Every code that a refused definition can carry from the core, with the rule behind it. Stable: people search for
 * them and alarms name them; `docs/faults.md` lists them. What is wrong with a model's SQL has codes of its own.
 */
import type { DefinitionFault } from './fault.ts';

export const DEFINITION_CODES = {
  not_a_map: 'A definition is a map of names to values.',
  definition_too_large: 'A definition has at most 256 KiB.',
  definition_too_deep: 'A definition nests at most 24 levels.',
  definition_too_many_entries: 'A definition has at most 20,000 members and entries in all.',
  prototype_name: 'No name is __proto__, constructor or prototype.',
  text_not_storable: 'No text holds a NUL or half of a surrogate pair.',
  number_not_finite: 'Numbers are finite.',
  number_not_exact: 'A number of more digits than a number holds is written as text.',
  set_not_list: 'A list is a list, not a set, since its order counts.',
  value_not_plain: 'Values are text, numbers, true or false, lists and maps.',
  field_unknown: 'Only documented names may appear.',
  field_missing: 'What a definition needs must be there.',
  wrong_type: 'Every value has the type of its name.',
  choice_unknown: 'A choice is one of its options.',
  only_true: 'A switch is true, or it is left out.',
  not_a_whole_number: 'Counts are whole numbers.',
  number_too_small: 'Numbers are at least their smallest.',
  number_too_large: 'Numbers are at most their largest.',
  text_too_short: 'Texts are not empty.',
  text_too_long: 'Texts keep to their length.',
  list_too_short: 'Lists have at least their smallest number of entries.',
  list_too_long: 'Lists have at most their largest number of entries.',
  text_blank: 'Texts hold more than spaces.',
  name_padded: 'Names neither begin nor end with a space.',
  name_unprintable: 'Names hold no control characters.',
  sync_id_shape: 'A sync id is lower-case letters, digits and dashes, a letter first, at most 48.',
  account_name_shape: 'An account name is lower-case letters, digits and dashes, a letter first, at most 40.',
  account_unknown: 'The destination account exists in this environment.',
  schedule_kind_missing: 'A schedule says every or cron.',
  schedule_kind_ambiguous: 'A schedule says only one of every and cron.',
  every_shape: 'every is a number and minutes, hours or days.',
  every_not_expressible: 'EventBridge knows whole minutes, hours and days up to 9999, and nothing else.',
  every_not_aligned: 'An aligned schedule divides the hour or the day evenly.',
  cron_shape: 'A cron has five fields, each within its range.',
  cron_not_expressible: 'A cron limits the day of the month or the day of the week, not both.',
  cron_never_fires: 'A cron names a day that exists.',
  timezone_unknown: 'A time zone is a name of the IANA database.',
  cursor_with_mirror: 'A cursor cannot see removed rows, so it cannot mirror.',
  cursor_with_removed: 'A cursor cannot see removed rows, so it cannot clear or delete.',
  insert_with_removed: 'insert only adds records, so it cannot clear or delete.',
  mirror_with_ignore: 'mirror is upsert with removals; without removals it is upsert.',
  primary_key_twice: 'A column stands once in the primary key.',
  target_twice: 'A destination field is filled by one field of the definition.',
  match_not_a_field: 'matchOn is one of the fields’ targets.',
  match_from_constant: 'matchOn has another value in every row, so it is no constant.',
  match_with_default: 'matchOn has no default: all rows without a value would be one record.',
  match_truncated: 'matchOn is not truncated: two rows could become one record.',
  field_source_missing: 'A field has one of from, value and template.',
  field_source_ambiguous: 'A field has only one of from, value and template.',
  template_does_not_parse: 'A template is Liquid.',
  template_tag_forbidden: 'Templates use the documented tags only; none reads files or other templates.',
  template_filter_unknown: 'Templates use the documented filters only; none knows the time or chance.',
  conversions_contradict: 'A field becomes one thing.',
  timezone_without_datetime: 'timezone belongs to datetime or date.',
  rounding_without_decimal: 'rounding belongs to decimal.',
  when_too_long_without_max_length: 'whenTooLong belongs to maxLength.',
  date_format_unknown: 'A date format is ISO or Luxon tokens.',
  datetime_format_unknown: 'A datetime format is ISO, epoch_seconds, epoch_millis or Luxon tokens.',
  lookup_empty: 'A lookup table has entries.',
  lookup_key_unreachable: 'A lookup key survives the field’s own trim and case.',
  default_contradicts: 'A default fits the field’s conversion.',
  constant_with_default: 'A constant is never null, so it needs no default.',
  constant_not_convertible: 'A constant fits its own conversion.',
  pii_unstated: 'What becomes of a column that the environment calls personal is stated.',
  pii_dropped: 'A column with pii: drop is in no field.',
  pii_not_hashed: 'A field of a column with pii: hash has hash: sha256.',
  pii_key: 'The primary key travels as it is, so its columns can be neither hashed nor dropped.',
  check_name_twice: 'Checks have names of their own.',
  share_shape: 'whenMoreThan is a number of rows or a share such as 5%.',
  share_over_100: 'A share is at most 100%.',
} as const;

export type DefinitionCode = keyof typeof DEFINITION_CODES;

export const definitionFault = (
  path: string,
  code: DefinitionCode,
  message: string,
  remedy: string,
): DefinitionFault => ({ path, code, message, remedy });

/** `fields[2].as.decimal`; a name that is no identifier is quoted, and cut when it is long. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = String(part);
    if (!/^[A-Za-z_]\w{0,63}$/.test(name)) return `${text}[${shown(name)}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

const SHOWN_CHARACTERS_MAX = 60;

/** A value as a message names it: short, on one line, control characters escaped; containers by their kind. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  if (typeof value !== 'string') return String(value);
  const points = Array.from(value.slice(0, SHOWN_CHARACTERS_MAX + 1));
  const cut = value.length > SHOWN_CHARACTERS_MAX ? `${points.slice(0, -2).join('')}…` : value;
  // What cannot be seen is spelt out, signs that turn the reading direction included.
  return JSON.stringify(cut).replace(/\p{C}/gu, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
}
