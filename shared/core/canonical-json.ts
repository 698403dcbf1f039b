/**
 * One text per value: the same content gives the same text, whatever the order of its keys. Fingerprints of
 * definitions rest on it. It also reads what an untrusted item may hold (sets, bytes, big integers, cycles are
 * impossible there), because an author's broken item is fingerprinted too before anybody has checked it.
 */

/** Deeper values are cut: a definition that deep is refused anyway, and a stack must not overflow here. */
const DEPTH_MAX = 100;

/**
 * Takes any value; gives JSON text with keys in code unit order and without undefined members. What JSON has no
 * form for becomes a marked form (`{"$bigint":"1"}`, `{"$set":[…]}`, `{"$bytes":"00ff"}`, `{"$number":"NaN"}`).
 * Never throws for data; the members of a set are put in order, since a set has none.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, 0);
}

function textOf(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) return '{"$cut":"too deep"}';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Number.isFinite(value) ? String(value === 0 ? 0 : value) : `{"$number":"${value}"}`;
    case 'boolean':
      return String(value);
    case 'bigint':
      return `{"$bigint":"${value}"}`;
    case 'object':
      return value === null ? 'null' : textOfObject(value, depth);
    default:
      return `{"$${typeof value}":true}`;
  }
}

function textOfObject(value: object, depth: number): string {
  if (Array.isArray(value)) return `[${Array.from(value, (entry) => textOf(entry, depth + 1)).join(',')}]`;
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString('hex')}"}`;
  if (value instanceof Set) return `{"$set":[${[...value].map((entry) => textOf(entry, depth + 1)).sort()}]}`;
  if (value instanceof Map) return `{"$map":${textOf([...value], depth + 1)}}`;
  if (value instanceof Date) return `{"$date":"${value.getTime()}"}`;
  if (JSON.isRawJSON(value)) return value.rawJSON;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${textOf(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}
