/**
 * Items as DynamoDB spells them, and back. Numbers are JavaScript's: the engine stores epochs, times and rates. What
 * people wrote into a definition may be of other kinds (sets, binary, numbers of 38 digits): `writtenFromWire` keeps them as
 * they are, so that the check can refuse them by name instead of working with something else.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { Fault } from '../core/fault.ts';
import type { Attribute, Item } from '../ports.ts';

export type WireItem = Record<string, AttributeValue>;

/** Throws a `bug` Fault (`state_refused`) for undefined, NaN and infinities. */
export function toWire(value: Attribute): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value === null) return { NULL: true };
  if (typeof value === 'number') return { N: numberText(value) };
  if (Array.isArray(value)) return { L: value.map(toWire) };
  if (typeof value === 'object') return { M: itemToWire(value as Item) };
  throw new Fault('bug', 'state_refused', `cannot store ${typeof value}`);
}

export function itemToWire(item: Item): WireItem {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, toWire(value)]));
}

export function itemFromWire(item: WireItem): Item {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, fromWire(value)]));
}

/** What somebody wrote, untrusted: sets as Set, bytes as Uint8Array, integers that a number cannot hold as bigint. */
export function writtenFromWire(item: WireItem): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, anyFromWire(value)]));
}

function anyFromWire(value: AttributeValue): unknown {
  if (value.N !== undefined) return exactNumber(value.N);
  if (value.M !== undefined) return writtenFromWire(value.M);
  if (value.L !== undefined) return value.L.map(anyFromWire);
  if (value.SS !== undefined) return new Set(value.SS);
  if (value.NS !== undefined) return new Set(value.NS.map(exactNumber));
  if (value.B !== undefined) return value.B;
  if (value.BS !== undefined) return new Set(value.BS);
  return fromWire(value);
}

/** DynamoDB keeps 38 digits. A fraction with more than a number holds stays JSON text. */
function exactNumber(text: string): unknown {
  const number = Number(text);
  if (Number.isSafeInteger(number) && !text.includes('.')) return number;
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const digits = text
    .replace(/e.*$/i, '')
    .replace(/\D/g, '')
    .replace(/^0+|0+$/g, '');
  return digits.length > NUMBER_DIGITS ? JSON.rawJSON(text) : number;
}
/** So many decimal digits any number keeps. */
const NUMBER_DIGITS = 15;

function fromWire(value: AttributeValue): Attribute {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.M !== undefined) return itemFromWire(value.M);
  if (value.L !== undefined) return value.L.map(fromWire);
  if (value.SS !== undefined) return value.SS;
  if (value.NS !== undefined) return value.NS.map(Number);
  if (value.B !== undefined) return Buffer.from(value.B).toString('base64');
  if (value.BS !== undefined) return value.BS.map((bytes) => Buffer.from(bytes).toString('base64'));
  return null;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  throw new Fault('bug', 'state_refused', `cannot store the number ${value}`);
}
