/**
 * Dates and times of the stage as instants, and as the text or number that a field asks for.
 *
 * A timestamp without a zone is UTC, as Redshift keeps it. Microseconds survive `ISO`; Luxon's formats and
 * `epoch_millis` know milliseconds and cut the rest. Names of months and days are English.
 */
import { DateTime, IANAZone } from 'luxon';

/** A point in time; `fraction` holds digits behind the second without trailing zeros. */
export type Instant = {
  /** Since 1970 in UTC. */
  readonly seconds: number;
  readonly fraction: string;
  /** False for a bare date, which names a day and no time. */
  readonly hasTime: boolean;
};

/** Reads `YYYY-MM-DD[ HH:MM[:SS[.f]][zone]]`, a `T` between them allowed; undefined for anything else. */
export function instantOf(text: string): Instant | undefined {
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', hour, minute = '0', second = '0', fraction = '', offset] = match;
  const days = epochDays(Number(year), Number(month), Number(day));
  if (days === undefined || Number(hour ?? 0) > 23 || Number(minute) > 59 || Number(second) > 59)
    return undefined;
  const time = Number(hour ?? 0) * 3600 + Number(minute) * 60 + Number(second);
  return {
    seconds: days * DAY_SECONDS + time - offsetSeconds(offset),
    fraction: fraction.replace(TRAILING_ZEROS, ''),
    hasTime: hour !== undefined,
  };
}

/**
 * The stage's text of a timestamp as ISO 8601, digits untouched but for trailing zeros; undefined when it is none.
 * `zoned` columns end in Z, the others have no zone, since the warehouse knows none.
 */
export function isoOfColumn(text: string, zoned: boolean): string | undefined {
  // The digits are the warehouse's own: only a foreign offset or an odd form needs arithmetic.
  const end = plainEnd(text);
  if (end > 0) return `${text.slice(0, 10)}T${text.slice(11, end)}${zoned ? 'Z' : ''}`;
  const instant = instantOf(text);
  if (instant?.hasTime !== true) return undefined;
  return inZone(instant, UTC).toFormat(ISO_SECONDS) + fractionText(instant) + (zoned ? 'Z' : '');
}

/** Makes the function that writes instants as `ISO`, `epoch_seconds`, `epoch_millis` or in a Luxon format. */
export function instantWriter(format: string, timezone: string): (instant: Instant) => string | number {
  const zone = IANAZone.create(timezone);
  if (format === 'epoch_seconds') return (instant) => secondsOf(instant, zone);
  if (format === 'epoch_millis') return (instant) => secondsOf(instant, zone) * 1000 + millisOf(instant);
  if (format === 'ISO') return (instant) => isoIn(instant, zone);
  return (instant) => inZone(instant, zone).toFormat(format);
}

/** Makes the function that writes the day of an instant: in a zone, or, for a bare date, that very day. */
export function dateWriter(format: string, timezone: string): (instant: Instant) => string {
  const zone = IANAZone.create(timezone);
  const pattern = format === 'ISO' ? ISO_DATE : format;
  return (instant) => inZone(instant, instant.hasTime ? zone : UTC).toFormat(pattern);
}

/** What is wrong with a Luxon format, as the end of a sentence; undefined when nothing is. */
export function formatFlaw(format: string): string | undefined {
  if (format.split("'").length % 2 === 0) return 'has a quote that is not closed';
  const letters = format.replace(QUOTED, ' ').match(RUNS) ?? [];
  const unknown = letters.find((run) => !TOKENS.has(run));
  if (unknown !== undefined) return `has "${unknown}", which is no token`;
  return letters.length === 0 ? 'has no token, so every row would get the same text' : undefined;
}

const INSTANT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;
const TRAILING_ZEROS = /0+$/;
const DAY_SECONDS = 86_400;
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const UTC = IANAZone.create('UTC');
const ISO_DATE = 'yyyy-MM-dd';
const ISO_SECONDS = "yyyy-MM-dd'T'HH:mm:ss";
const QUOTED = /'[^']*'/g;
const RUNS = /([A-Za-z])\1*/g;
/** Luxon's tokens that mean the same in every locale and in every version of its time zone names. */
const TOKENS: ReadonlySet<string> = new Set(
  (
    'S SSS u uu uuu s ss m mm h hh H HH Z ZZ ZZZ z a d dd c ccc cccc ccccc E EEE EEEE EEEEE L LL LLL LLLL LLLLL ' +
    'M MM MMM MMMM MMMMM y yy yyyy yyyyyy G GG GGGGG kk kkkk W WW n nn ii iiii o ooo q qq X x'
  ).split(' '),
);

/** Days since 1970 of a day of the proleptic Gregorian calendar, undefined when there is no such day. */
function epochDays(year: number, month: number, day: number): number | undefined {
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > (MONTH_DAYS[month - 1] ?? 0)) return undefined;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2 && day === 29 && !isLeap) return undefined;
  // Date.UTC reads years below 100 as 19xx; 400 years are a whole number of days in this calendar.
  return (Date.UTC(year + 400, month - 1, day) - CENTURIES_MS) / (DAY_SECONDS * 1000);
}
/** 400 Gregorian years, 146,097 days. */
const CENTURIES_MS = 146_097 * DAY_SECONDS * 1000;

/**
 * Where the digits of a plain UTC timestamp end, its fraction's trailing zeros left out; 0 for any other text. The
 * hot path's parser: it takes days up to the 28th of any month and leaves the rest to the careful one.
 */
function plainEnd(text: string): number {
  const length = text.length;
  if (length < 19 || !hasSeparators(text)) return 0;
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (twoDigits(text, 0) + twoDigits(text, 2) < 1 || month < 1 || month > 12 || day < 1 || day > 28) return 0;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return 0;
  return fractionEnd(text);
}

function hasSeparators(text: string): boolean {
  const middle = text.charCodeAt(10);
  if (middle !== SPACE && middle !== CAPITAL_T) return false;
  const dashes = text.charCodeAt(4) === DASH && text.charCodeAt(7) === DASH;
  return dashes && text.charCodeAt(13) === COLON && text.charCodeAt(16) === COLON;
}

/** Two digits as a number; far below zero when they are none, so that sums and comparisons fail. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO;
  const ones = text.charCodeAt(at + 1) - ZERO;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1000 : tens * 10 + ones;
}

function fractionEnd(text: string): number {
  let next = 19;
  let end = 19;
  if (text.charCodeAt(19) === POINT) {
    for (next = 20; isDigit(text.charCodeAt(next)); next += 1)
      if (text.charCodeAt(next) !== ZERO) end = next + 1;
    if (next === 20 || next > 29) return 0;
  }
  const rest = text.length - next;
  if (rest === 0 || (rest === 1 && text.endsWith('Z'))) return end;
  return (rest === 3 && text.endsWith('+00')) || (rest === 6 && text.endsWith('+00:00')) ? end : 0;
}

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;
const SPACE = 32;
const DASH = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const CAPITAL_T = 84;

function offsetSeconds(offset: string | undefined): number {
  if (offset === undefined || offset === 'Z') return 0;
  const digits = offset.slice(1).replace(':', '');
  const seconds = Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2) || 0) * 60;
  return offset.startsWith('-') ? -seconds : seconds;
}

const fractionText = (instant: Instant): string => (instant.fraction === '' ? '' : `.${instant.fraction}`);
const millisOf = (instant: Instant): number => Number(instant.fraction.slice(0, 3).padEnd(3, '0'));

/** A bare date begins at midnight of the zone that is asked for. */
function secondsOf(instant: Instant, zone: IANAZone): number {
  return instant.hasTime ? instant.seconds : startOf(instant, zone).toSeconds();
}

function startOf(instant: Instant, zone: IANAZone): DateTime {
  return DateTime.fromMillis(instant.seconds * 1000, { zone: UTC, locale: 'en-US' }).setZone(zone, {
    keepLocalTime: true,
  });
}

function inZone(instant: Instant, zone: IANAZone): DateTime {
  if (!instant.hasTime) return startOf(instant, zone);
  return DateTime.fromMillis(instant.seconds * 1000 + millisOf(instant), { zone, locale: 'en-US' });
}

function isoIn(instant: Instant, zone: IANAZone): string {
  const local = inZone(instant, zone);
  // Before standard time, offsets had seconds, which ISO 8601 cannot write: such an instant is told in UTC.
  const isExact = Number.isInteger(local.offset);
  const told = isExact ? local : local.setZone(UTC);
  const suffix =
    told.offset === 0 && (zone === UTC || !isExact || zone.name === 'UTC') ? 'Z' : told.toFormat('ZZ');
  return told.toFormat(ISO_SECONDS) + fractionText(instant) + suffix;
}
