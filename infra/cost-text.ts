/** `docs/cost.md`, computed from what was counted, the template of an environment, and the prices. */
import {
  type CountedTemplate,
  type Counts,
  idleMonth,
  type Line,
  MINUTES_PER_MONTH,
  runDollars,
  total,
  wakeUpDollars,
} from './cost-model.ts';

/** What `npm run bench -- --only cost --save` counted; `infra/counted.json`. */
export type Counted = {
  readonly stated: {
    readonly rows: number;
    readonly requestRows: number;
    readonly latencyMs: number;
    readonly callsPerSecond: number;
    readonly loaderMb: number;
  };
  readonly firstRun: Counts;
  readonly emptyRun: Counts;
  /** One look of each function that a schedule calls. */
  readonly scheduled: Readonly<Record<string, Counts>>;
};

/** `template`: an environment with two destination accounts. */
export function costText(template: CountedTemplate, counted: Counted): string {
  const idle = idleMonth(template, counted.scheduled);
  return [
    HEAD,
    `## A month in which nothing happens\n\nAn environment with two destination accounts, by its synthesized template.\n\n${idleTable(idle)}`,
    `## A million rows\n\n${millionText(counted)}`,
    `## A sync on its schedule, a month\n\n${scheduleText(counted)}`,
    `## The warehouse\n\n${WAREHOUSE}\n\n${wakeUpTable()}`,
    LEFT_OUT,
  ].join('\n\n');
}

const HEAD = `# Cost

Written by \`npm run generate\` from counted calls (\`infra/counted.json\`, which \`npm run bench -- --only cost --save\`
writes), the synthesized template and the price table ([prices.md](prices.md)); a test fails when it is not up to date.
US dollars, us-east-1. Durations are those of a whole core, stretched to the share of a core that a function's memory buys.`;

function idleTable(lines: readonly Line[]): string {
  const rows = lines
    .toSorted((a, b) => b.dollars - a.dollars)
    .map(
      ({ what, count, each, dollars }) =>
        `| ${what} | ${whole(count)} | ${money(each)} | ${money(dollars)} |`,
    );
  return [
    '| what | how many | each | a month |',
    '|---|--:|--:|--:|',
    ...rows,
    `| **all** | | | **${money(total(lines))}** |`,
  ].join('\n');
}

function millionText({ stated, firstRun }: Counted): string {
  const { rows, requestRows, latencyMs, callsPerSecond, loaderMb } = stated;
  const calls = Object.entries({ ...firstRun.calls, ...prefixed(firstRun.writeUnits) })
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, times]) => `| \`${name}\` | ${whole((times * 1e6) / rows)} |`);
  return [
    `A first sync of ${whole(rows)} rows in requests of ${requestRows}, answered after ${latencyMs} ms, ${callsPerSecond} a second, by loaders of`,
    `${loaderMb} MB: **${money((runDollars(firstRun) * 1e6) / rows)}**, without the warehouse and without data transfer.`,
    '',
    '| call, or write unit by kind of item | per million rows |',
    '|---|--:|',
    ...calls,
  ].join('\n');
}

const prefixed = (units: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(units).map(([kind, value]) => [`write unit, ${kind}`, value]));

const RHYTHMS = [
  ['every 5 minutes', 12 * 24 * 30],
  ['every 15 minutes', 4 * 24 * 30],
  ['every hour', 24 * 30],
  ['every day', 30],
] as const;
const BASE_RPUS = [4, 8, 128] as const;
const SYNCS = 10;

function scheduleText({ emptyRun }: Counted): string {
  const rows = RHYTHMS.map(
    ([name, runs]) => `| ${name} | ${whole(runs)} | ${money(runs * runDollars(emptyRun))} |`,
  );
  return [
    `A run that finds nothing costs ${money(runDollars(emptyRun))}, without the warehouse. Rows come on top, by the million.`,
    '',
    '| schedule | runs | a month |',
    '|---|--:|--:|',
    ...rows,
  ].join('\n');
}

const WAREHOUSE = `Redshift Serverless is billed for at least a minute each time that it wakes, and this is mostly the largest part of all. Syncs
with \`schedule: { every: 15 minutes, align: true }\` fire at the same round times and share one wake-up; schedules that are not
aligned count from when they were made, and each wakes the warehouse by itself, up to a warehouse that never sleeps. A provisioned cluster costs nothing more for a sync.`;

function wakeUpTable(): string {
  const cells = (syncs: number, runs: number): string =>
    BASE_RPUS.map((rpus) => money(Math.min(syncs * runs, MINUTES_PER_MONTH) * wakeUpDollars(rpus))).join(
      ' | ',
    );
  const rows = RHYTHMS.flatMap(([name, runs]) => [
    `| ${SYNCS} syncs ${name}, aligned | ${cells(1, runs)} |`,
    `| ${SYNCS} syncs ${name}, each for itself | ${cells(SYNCS, runs)} |`,
  ]);
  return [
    `| wake-ups of a month | ${BASE_RPUS.map((rpus) => `${rpus} RPU`).join(' | ')} |`,
    '|---|--:|--:|--:|',
    ...rows,
  ].join('\n');
}

const LEFT_OUT = `## What is not in here

- The warehouse's time beyond the minute of a wake-up, and data transfer to destinations.
- KMS requests (SQS, S3 and DynamoDB cache data keys; cents), S3 storage of the stage (30 days), DynamoDB storage and its
  backups, log storage.
- Old material of the encryption key, which AWS keeps when it turns the key over: $1.00 a month more after the first year,
  $2.00 after the second.
- The dashboard: an account's first three are free, each after that costs $3.00 a month.
- Metrics of the engine: billed by the hour in which they are emitted, $0.30 for a whole month each. An idle environment emits none of them.
- Free tiers, discounts, taxes.`;

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** Cents where there are some, two digits that mean something elsewhere. */
function money(dollars: number): string {
  if (dollars >= 0.01 || dollars === 0)
    return `$${dollars.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return `$${Number(dollars.toPrecision(2)).toLocaleString('en-US', { maximumFractionDigits: 12 })}`;
}
