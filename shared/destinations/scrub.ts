/**
 * Takes known secrets out of a text that a destination wrote: a hostile or careless server may echo our headers in
 * its reasons. By value and not by pattern: only what we sent can come back.
 */

/** Shorter values are words, and cutting them out would garble every reason. */
const SECRET_CHARACTERS_MIN = 6;

/**
 * Takes secrets and header values that were sent; gives a function that cuts them, and their parts, from a text. Most
 * requests have no text to clean, so the work begins with the first.
 */
export function scrubber(sensitive: readonly unknown[]): (text: string) => string {
  let cut: readonly string[] | undefined;
  return (text) => {
    cut ??= secretParts(sensitive);
    return cut.reduce((clean, part) => clean.replaceAll(part, '[secret]'), text);
  };
}

function secretParts(sensitive: readonly unknown[]): readonly string[] {
  const parts = sensitive.flatMap((value) => (typeof value === 'string' ? [value, ...value.split(' ')] : []));
  return [...new Set(parts)]
    .filter((part) => part.length >= SECRET_CHARACTERS_MIN)
    .toSorted((a, b) => b.length - a.length);
}
