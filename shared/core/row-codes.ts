/**
 * Why a row is invalid before anything is sent: the codes, and what each says to the owner of the data. A reason
 * names the field and the rule, never the value: reasons are kept in failure objects and shown to people.
 */
import { REASON_CHARACTERS_MAX } from './limits.ts';

/** Codes that the mapping gives; the rule that the value breaks, as the end of a sentence. */
export const ROW_CODES = {
  text_has_nul: 'the text contains a NUL character, which destinations cannot store',
  text_not_unicode: 'the text contains half of a surrogate pair, which is not Unicode',
  text_too_long: 'the text is longer than maxLength allows',
  not_finite:
    'NaN and Infinity are not numbers that a destination takes; send them as: { string: true } or make them null',
  not_a_number: 'the value is not a decimal number',
  not_an_integer: 'the value is not a whole number, and integer never rounds',
  number_too_long: 'the number has more digits than are handled',
  not_a_boolean: 'the value is none of true, t, yes, y, on, 1, false, f, no, n, off, 0',
  not_a_date: 'the value is not a calendar date such as 2024-02-29',
  not_a_datetime: 'the value is not a date and time such as 2024-02-29 13:45:00',
  not_json: 'the value is not JSON',
  json_too_deep: 'the JSON is nested too deeply',
  json_name_forbidden: 'the JSON has a member named __proto__',
  lookup_missed: 'the value is not in the lookup table, and the field has no default',
  match_empty: 'the field that names the record (matchOn) is null or empty',
  template_failed: 'the template could not be rendered for this row within its limits',
  template_output_too_long: 'the rendered text is longer than any destination takes',
} as const;

export type RowCode = keyof typeof ROW_CODES;

/** Codes that the extraction's SQL gives to invalid rows, besides `check:<name>`. */
export const STAGE_CODES: Readonly<Record<string, string>> = {
  null_key: 'a column of the primary key is null',
  empty_key: 'the primary key is an empty text',
  duplicate_key: 'the model has more than one row with this primary key',
  key_too_long: 'the primary key is longer than a row key may be',
  duplicate_match: 'another row of the model names the same record (matchOn)',
  null_cursor: 'the cursor column is null',
  row_too_long: 'the row is longer than a line of the stage may be',
};

/** One field's answer that its value cannot be sent; made once per field and code, never per row. */
export class Refusal {
  readonly code: RowCode;
  readonly reason: string;

  constructor(code: RowCode, field: string, detail = '') {
    this.code = code;
    this.reason = `field "${field}": ${ROW_CODES[code]}${detail}`.slice(0, REASON_CHARACTERS_MAX);
  }
}

/** Makes the refusals of one field while its mapping is compiled. */
export type Refuse = (code: RowCode, detail?: string) => Refusal;

/** What people read about a row that the warehouse's own checks found invalid. */
export function stageReason(code: string): string {
  if (code.startsWith('check:')) {
    return `the row does not pass the check "${code.slice('check:'.length)}"`.slice(0, REASON_CHARACTERS_MAX);
  }
  return STAGE_CODES[code] ?? 'the warehouse found the row invalid';
}
