/**
 * Numbers as digits: nothing here passes through a float, so what the warehouse holds is what is sent.
 */
import { NUMBER_DIGITS_MAX } from './limits.ts';
import type { Exact } from './row.ts';

/** `whole` without leading zeros (but "0"), `fraction` as written, both digits only. */
export type Digits = { readonly negative: boolean; readonly whole: string; readonly fraction: string };

export type Rounding = 'half_up' | 'half_even';

/** Digits of a decimal text, exponent resolved; or why it is none. */
export function digitsOf(text: string): Digits | 'not_finite' | 'not_a_number' | 'number_too_long' {
  const match = NUMBER.exec(text);
  if (match === null) return NOT_FINITE.test(text) ? 'not_finite' : 'not_a_number';
  const [, sign, whole = '', fraction = '', exponent] = match;
  if (whole === '' && fraction === '') return 'not_a_number';
  const shift = exponent === undefined ? 0 : Number(exponent);
  if (whole.length + fraction.length + Math.abs(shift) > NUMBER_DIGITS_MAX) return 'number_too_long';
  return shifted(sign === '-', whole, fraction, shift);
}

/**
 * Digits with exactly `scale` places, as JSON. `half_up` rounds a tie away from zero (as Redshift's ROUND does),
 * `half_even` to the even neighbour. Never "-0".
 */
export function rounded(digits: Digits, scale: number, rounding: Rounding): string {
  const { negative, whole, fraction } = digits;
  if (fraction.length <= scale) return jsonOf(negative, whole, fraction.padEnd(scale, '0'));
  const kept = whole + fraction.slice(0, scale);
  const units = roundsUp(kept, fraction.slice(scale), rounding) ? String(BigInt(kept) + 1n) : kept;
  const padded = units.padStart(scale + 1, '0');
  return jsonOf(negative, padded.slice(0, padded.length - scale), padded.slice(padded.length - scale));
}

/** The JSON text of digits, their places kept: 12.50 stays 12.50. */
export const jsonOfDigits = (digits: Digits): string =>
  jsonOf(digits.negative, digits.whole, digits.fraction);

/** True when nothing but zeros stands behind the point. */
export const isWhole = (digits: Digits): boolean => !NOT_ZERO.test(digits.fraction);

/**
 * A JSON number of canonical text as the value that is sent: a JS number while that is exact and writes the same
 * digits, else `Exact`.
 */
export function numberValue(json: string): number | Exact {
  const number = smallInteger(json);
  return number === undefined ? JSON.rawJSON(json) : number;
}

/** The number of a plain integer text of at most 15 digits, else undefined: the hot path's whole parser. */
export function smallInteger(text: string): number | undefined {
  const negative = text.charCodeAt(0) === MINUS;
  const start = negative ? 1 : 0;
  const end = text.length;
  if (end === start || end - start > SAFE_DIGITS) return undefined;
  if (end - start > 1 && text.charCodeAt(start) === ZERO) return undefined;
  let value = 0;
  for (let index = start; index < end; index += 1) {
    const digit = text.charCodeAt(index) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return negative && value !== 0 ? -value : value;
}

/** True for text that is JSON's own form of a decimal such as 12.50 or -0.5: its digits can be sent as they are. */
export const isPlainDecimal = (text: string): boolean => text.length <= PLAIN_DIGITS && PLAIN.test(text);

const PLAIN = /^(?:-?[1-9]\d*|0|-?0\.\d*[1-9]\d*|0\.0+|-?[1-9]\d*\.\d+)$/;
/** numeric has 38 digits, a sign and a point. */
const PLAIN_DIGITS = 41;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;
const NOT_ZERO = /[1-9]/;
const LEADING_ZEROS = /^0+(?=\d)/;
const MINUS = 45;
const ZERO = 48;
/** Any 15 digits are below 2^53. */
const SAFE_DIGITS = 15;

function shifted(negative: boolean, whole: string, fraction: string, shift: number): Digits {
  const moved =
    shift >= 0
      ? { whole: whole + fraction.slice(0, shift).padEnd(shift, '0'), fraction: fraction.slice(shift) }
      : {
          whole: whole.slice(0, Math.max(0, whole.length + shift)),
          fraction: whole.padStart(-shift, '0').slice(shift) + fraction,
        };
  return { negative, whole: (moved.whole || '0').replace(LEADING_ZEROS, ''), fraction: moved.fraction };
}

function roundsUp(kept: string, rest: string, rounding: Rounding): boolean {
  const first = rest.charCodeAt(0) - ZERO;
  if (first !== 5 || NOT_ZERO.test(rest.slice(1))) return first >= 5;
  return rounding === 'half_up' || (kept.charCodeAt(kept.length - 1) - ZERO) % 2 === 1;
}

function jsonOf(negative: boolean, whole: string, fraction: string): string {
  const magnitude = fraction === '' ? whole : `${whole}.${fraction}`;
  return negative && NOT_ZERO.test(magnitude) ? `-${magnitude}` : magnitude;
}
