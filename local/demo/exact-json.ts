/**
 * JSON that keeps its digits: a number that a double would change stays as it was written, both ways. For the sink and
 * the checks, which must not share the engine's own code for it.
 */

/** `JSON.parse`, with `JSON.rawJSON` in place of numbers that would lose digits. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number' || context?.source === undefined) return value;
    return String(value) === context.source ? value : JSON.rawJSON(context.source);
  });
}
