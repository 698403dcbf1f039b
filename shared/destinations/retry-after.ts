/**
 * The `Retry-After` header (RFC 9110, 10.2.3), from servers that we do not trust.
 */
import { RETRY_AFTER_MS_MAX } from '../core/limits.ts';

const SECONDS = /^\d{1,12}(\.\d{1,6})?$/;
/** The three date forms of RFC 9110 all begin with a weekday; anything else that Date can read is not meant. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .{10,40}$/;

/**
 * Takes the header's value and the time of now; gives milliseconds from now, between 0 and RETRY_AFTER_MS_MAX, or
 * undefined when the header is absent or unreadable.
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  if (SECONDS.test(text)) return clamp(Number(text) * 1000);
  if (!HTTP_DATE.test(text)) return undefined;
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : clamp(at - nowMs);
}

/** A wait that a server asks for in milliseconds, in the same bounds; undefined for anything but a number. */
export function waitMs(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? clamp(value) : undefined;
}

const clamp = (ms: number): number => Math.min(Math.max(Math.ceil(ms), 0), RETRY_AFTER_MS_MAX);
