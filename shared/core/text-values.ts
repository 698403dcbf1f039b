/**
 * What may be text in a row, and how it is cut: by code points, so that no character is halved.
 */

/** Why no destination takes this text, or undefined. Both checks are native and cost nanoseconds. */
export function textFlaw(text: string): 'text_has_nul' | 'text_not_unicode' | undefined {
  if (!text.isWellFormed()) return 'text_not_unicode';
  return text.includes('\0') ? 'text_has_nul' : undefined;
}

/** The first `max` code points, or undefined when there are no more than that. */
export function cutAt(text: string, max: number): string | undefined {
  // A text has at most as many code points as code units.
  if (text.length <= max) return undefined;
  let index = 0;
  for (let count = 0; count < max && index < text.length; count += 1) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index < text.length ? text.slice(0, index) : undefined;
}
