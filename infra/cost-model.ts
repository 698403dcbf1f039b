/**
 * What an environment costs, from counted calls and the prices: a run, and a month in which nothing happens. Pure
 * arithmetic; the counts are those of `npm run bench -- --only cost`, the resources those of the template.
 *
 * Durations are measured on a whole core. Lambda gives a function the share of one that its memory buys, so durations of
 * functions that compute are stretched by that share; a loader mostly waits for its destination, so its are not.
 */
import { PRICES } from './prices.ts';

/** What the functions of a run, or of one look of a scheduled one, were counted to do. */
export type Counts = {
  /** `dynamodb:GetItem` and the like. */
  readonly calls: Readonly<Record<string, number>>;
  /** DynamoDB write units by kind of item. */
  readonly writeUnits: Readonly<Record<string, number>>;
  /** By function. */
  readonly invocations: Readonly<Record<string, number>>;
  readonly billedMs: Readonly<Record<string, number>>;
  readonly batches: number;
};

export type CountedTemplate = {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties?: Properties }>>;
};
type Properties = Readonly<Record<string, unknown>>;

export type Line = {
  readonly what: string;
  readonly count: number;
  /** Dollars for each, and for all. */
  readonly each: number;
  readonly dollars: number;
};

export const MINUTES_PER_MONTH = 30 * 24 * 60;
/** Memory that buys a whole core. */
const CORE_MB = 1769;
/** Loading the bundle and the first connections, on the share of a core that a function has. */
const COLD_START_MS = 1000;
/** Lambda itself receives and deletes each pointer. */
const POLLER_CALLS_PER_BATCH = 2;
/** Receives that Lambda makes in a month on an empty queue whose concurrency is limited (docs/prices.md). */
const EMPTY_RECEIVES_PER_MONTH = 650_000;
/** START, END, REPORT and one line of its own. */
const LOG_BYTES_PER_INVOCATION = 1000;

const PRICE_OF: Readonly<Record<string, number>> = {
  'dynamodb:GetItem': PRICES.dynamodbReadUnit,
  'dynamodb:Query': PRICES.dynamodbReadUnit,
  'dynamodb:Scan': PRICES.dynamodbReadUnit,
  's3:GetObject': PRICES.s3Read,
  's3:PutObject': PRICES.s3Write,
  's3:List': PRICES.s3Write,
  'sqs:SendMessage': PRICES.sqsRequest,
  'sqs:ChangeMessageVisibility': PRICES.sqsRequest,
  'events:PutEvents': PRICES.busEvent,
  'sns:Publish': PRICES.snsPublish,
  'secretsmanager:GetSecretValue': PRICES.secretsCall,
  'sts:AssumeRole': 0,
  'redshift-data:BatchExecuteStatement': 0,
  'redshift-data:ExecuteStatement': 0,
  'redshift-data:DescribeStatement': 0,
  'redshift-data:GetStatementResult': 0,
};

/** Actions that have a price, or are known to have none. */
export const PRICED_ACTIONS: ReadonlySet<string> = new Set(Object.keys(PRICE_OF));

/** A run, with its tick and a cold start of each function that took part; without the warehouse and without data transfer. */
export function runDollars(run: Counts): number {
  const coldSeconds = Object.keys(run.invocations).length * seconds(COLD_START_MS);
  return workDollars(run) + coldSeconds * GIGABYTES * PRICES.lambdaGbSecond + PRICES.schedulerCall;
}

/** Calls, writes, time and logs; nothing else. */
export function workDollars(work: Counts): number {
  const invocations = sum(Object.values(work.invocations));
  return (
    sum(Object.entries(work.calls).map(([action, times]) => times * priceOf(action))) +
    sum(Object.values(work.writeUnits)) * PRICES.dynamodbWriteUnit +
    sum(Object.entries(work.billedMs).map(([name, ms]) => lambdaDollars(name, ms))) +
    invocations * (PRICES.lambdaRequest + (LOG_BYTES_PER_INVOCATION / 1e9) * PRICES.logGb) +
    work.batches * POLLER_CALLS_PER_BATCH * PRICES.sqsRequest
  );
}

/** A month in which no sync runs: what stands there, and what looks whether there is something to do. */
export function idleMonth(
  template: CountedTemplate,
  scheduled: Readonly<Record<string, Counts>>,
): readonly Line[] {
  const resources = Object.values(template.Resources);
  const has = (type: string): number => resources.filter(({ Type }) => Type === type).length;
  return [
    line('metrics watched by alarms', watchedMetrics(resources), PRICES.alarmMonth),
    line('composite alarms', has('AWS::CloudWatch::CompositeAlarm'), PRICES.compositeAlarmMonth),
    line('metrics emitted by every invocation', toldAlways(resources), PRICES.metricMonth),
    line('encryption keys', has('AWS::KMS::Key'), PRICES.keyMonth),
    line('secrets', has('AWS::SecretsManager::Secret'), PRICES.secretMonth),
    line('queues that Lambda polls', polledQueues(resources), EMPTY_RECEIVES_PER_MONTH * PRICES.sqsRequest),
    ...Object.entries(scheduled).map(([name, counts]) =>
      line(`looks of ${name}`, looksPerMonth(template, name), workDollars(counts) + PRICES.schedulerCall),
    ),
  ].filter(({ count }) => count > 0);
}

/** Dollars of waking a Redshift Serverless workgroup of so many RPUs, each time for the minute that is billed at least. */
export const wakeUpDollars = (rpus: number): number => (rpus * PRICES.redshiftRpuHour) / 60;

export const total = (lines: readonly Line[]): number => sum(lines.map(({ dollars }) => dollars));

/** Functions that a schedule of the template calls, by logical id. */
export function scheduledFunctions({ Resources }: CountedTemplate): readonly string[] {
  return Object.values(Resources)
    .filter(({ Type }) => Type === 'AWS::Scheduler::Schedule')
    .map(({ Properties = {} }) => targetOf(Properties));
}

function looksPerMonth({ Resources }: CountedTemplate, name: string): number {
  const minutes = Object.values(Resources)
    .filter(
      ({ Type, Properties = {} }) =>
        Type === 'AWS::Scheduler::Schedule' && targetOf(Properties).startsWith(name),
    )
    .map(({ Properties = {} }) => minutesOf(String(Properties.ScheduleExpression)));
  return sum(minutes.map((every) => MINUTES_PER_MONTH / every));
}

function targetOf({ Target }: Properties): string {
  const { Arn } = Target as { readonly Arn: { readonly 'Fn::GetAtt': readonly [string, string] } };
  return Arn['Fn::GetAtt'][0];
}

const UNIT_MINUTES: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 1440 };

function minutesOf(expression: string): number {
  const [, count = '', unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const minutes = UNIT_MINUTES[unit];
  if (minutes === undefined) throw new Error(`the cost of "${expression}" is not known`);
  return Number(count) * minutes;
}

/** Metrics whose value is read from each invocation's last line: the sweep tells them every minute, so they never pause. */
function toldAlways(
  resources: readonly { readonly Type: string; readonly Properties?: Properties }[],
): number {
  const transformed = resources
    .filter(({ Type }) => Type === 'AWS::Logs::MetricFilter')
    .flatMap(
      ({ Properties: { MetricTransformations = [] } = {} }) => MetricTransformations as Transformation[],
    );
  return new Set(
    transformed.filter(({ MetricValue }) => MetricValue.startsWith('$')).map(({ MetricName }) => MetricName),
  ).size;
}

type Transformation = { readonly MetricName: string; readonly MetricValue: string };

/** An alarm is billed for each metric that it reads. */
function watchedMetrics(
  resources: readonly { readonly Type: string; readonly Properties?: Properties }[],
): number {
  const alarms = resources.filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
  return sum(
    alarms.map(({ Properties: { Metrics } = {} }) =>
      Array.isArray(Metrics) ? Metrics.filter((metric: object) => 'MetricStat' in metric).length : 1,
    ),
  );
}

const polledQueues = (
  resources: readonly { readonly Type: string; readonly Properties?: Properties }[],
): number =>
  resources.filter(
    ({ Type, Properties }) =>
      Type === 'AWS::Lambda::EventSourceMapping' && Properties?.StartingPosition === undefined,
  ).length;

function priceOf(action: string): number {
  const price = PRICE_OF[action];
  if (price === undefined) throw new Error(`the price of ${action} is not known`);
  return price;
}

function lambdaDollars(name: string, ms: number): number {
  const stretch = isLoader(name) ? 1 : CORE_MB / (1024 * GIGABYTES);
  return seconds(ms) * stretch * GIGABYTES * PRICES.lambdaGbSecond;
}

/** The largest that a function of ours has. */
const FUNCTION_MB = 512;
const GIGABYTES = FUNCTION_MB / 1024;
const isLoader = (name: string): boolean => name.includes('LoadBatch');
const seconds = (ms: number): number => ms / 1000;
const line = (what: string, count: number, each: number): Line => ({
  what,
  count,
  each,
  dollars: count * each,
});
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
