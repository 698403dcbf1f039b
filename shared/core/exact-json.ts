/**
 * JSON text to a value and back without losing a digit: numbers that a float would change stay `Exact`.
 */
import { JSON_DEPTH_MAX } from './limits.ts';
import type { Value } from './row.ts';
import type { RowCode } from './row-codes.ts';
import { textFlaw } from './text-values.ts';

/** The value of JSON text, or the code of what is wrong with it. */
export function parseExactJson(
  text: string,
): { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly code: RowCode } {
  if (depthOf(text) > JSON_DEPTH_MAX) return { ok: false, code: 'json_too_deep' };
  try {
    return { ok: true, value: JSON.parse(text, exactMember as Reviver) as Value };
  } catch (error) {
    return { ok: false, code: error instanceof Unsendable ? error.code : 'not_json' };
  }
}

type Reviver = (this: unknown, name: string, value: unknown) => unknown;

/** Leaves the parser through a throw: a reviver has no other way to stop. */
class Unsendable extends Error {
  readonly code: RowCode;
  constructor(code: RowCode) {
    super(code);
    this.code = code;
  }
}

function exactMember(name: string, value: unknown, context: { readonly source?: string }): unknown {
  if (name === '__proto__') throw new Unsendable('json_name_forbidden');
  const flaw = textFlaw(name) ?? (typeof value === 'string' ? textFlaw(value) : undefined);
  if (flaw !== undefined) throw new Unsendable(flaw);
  if (typeof value !== 'number' || context.source === undefined) return value;
  return String(value) === context.source ? value : JSON.rawJSON(context.source);
}

/** Deepest nesting of brackets outside of strings; malformed text is left to the parser. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === BACKSLASH) index += 1;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === OPEN_LIST || code === OPEN_MAP) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_LIST || code === CLOSE_MAP) depth -= 1;
  }
  return deepest;
}

const BACKSLASH = 92;
const QUOTE = 34;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_MAP = 123;
const CLOSE_MAP = 125;
