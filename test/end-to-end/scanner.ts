/**
 * Finds canaries in texts, as they are and as they are likely to be written somewhere: JSON, URLs, base64 (so also the
 * credentials of an `Authorization: Basic` header), hex. Upper and lower case are one.
 */
import type { Canary } from './canaries.ts';

/** A text and where it was found. */
export type Place = { readonly where: string; readonly text: string };
export type Leak = { readonly canary: string; readonly as: string; readonly where: string };

/** Every canary in every place, each pair once; an empty list is what the tests want. */
export function findLeaks(canaries: readonly Canary[], places: readonly Place[]): readonly Leak[] {
  const needles = canaries.flatMap(({ name, value }) =>
    spellings(value).map(({ as, text }) => ({ canary: name, as, text: text.toLowerCase() })),
  );
  return places.flatMap(({ where, text }) => {
    const searched = text.toLowerCase();
    const found = needles.filter((needle) => searched.includes(needle.text));
    const first = found.filter(({ canary }, at) => found.findIndex((one) => one.canary === canary) === at);
    return first.map(({ canary, as }) => ({ canary, as, where }));
  });
}

type Spelling = { readonly as: string; readonly text: string };

/** The value itself, its longest run of letters and digits (which every spelling of a text keeps), and encodings. */
function spellings(value: string): readonly Spelling[] {
  const core = longest(value.match(/[A-Za-z0-9]+/g) ?? []);
  const ascii = JSON.stringify(value)
    .replace(/[\u0080-\uffff]/g, escaped)
    .slice(1, -1);
  const bytes = Buffer.from(value);
  const all: readonly Spelling[] = [
    { as: 'text', text: value },
    { as: 'text, in part', text: core },
    { as: 'JSON', text: JSON.stringify(value).slice(1, -1) },
    { as: 'JSON in JSON', text: JSON.stringify(JSON.stringify(value)).slice(3, -3) },
    { as: 'JSON in ASCII', text: ascii },
    { as: 'URL', text: encodeURIComponent(value) },
    { as: 'form', text: new URLSearchParams({ v: value }).toString().slice(2) },
    { as: 'hex', text: bytes.toString('hex') },
    ...base64(bytes),
    ...base64(Buffer.from(core)),
  ];
  return all.filter(({ text }) => text.length >= SPELLING_CHARACTERS_MIN);
}

/** Shorter texts occur by chance. */
const SPELLING_CHARACTERS_MIN = 8;

const longest = (texts: readonly string[]): string =>
  texts.reduce((best, text) => (text.length > best.length ? text : best), '');

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Within a longer text, at each of the three places that a byte can have in a group; both alphabets. */
function base64(bytes: Buffer): readonly Spelling[] {
  return [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const from = Math.ceil((shift * 8) / 6);
    const to = Math.floor(((shift + bytes.length) * 8) / 6);
    const text = whole.slice(from, to);
    return [
      { as: 'base64', text },
      { as: 'base64url', text: text.replaceAll('+', '-').replaceAll('/', '_') },
    ];
  });
}
