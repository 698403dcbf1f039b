/**
 * Questions to the logs of all functions, saved in CloudWatch Logs Insights under `Tailrace/<environment>/...`. Every field
 * is one that `shared/aws/loggable.ts` lets through; a test compares the two.
 */
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/** Name -> query. Names are those that `docs/runbook.md` uses. */
export const SAVED_QUERIES = {
  'Follow one run': `fields @timestamp, message, is, code, account, shard, ordinal, durationMs, function_name
| filter run = "SYNC/EPOCH"
| sort @timestamp asc
| limit 1000`,

  'What needs attention': `filter message = "needs_attention"
| stats latest(@timestamp) as lastSeen, latest(code) as reason by kind, syncId, account
| sort lastSeen desc
| limit 200`,

  'Ends that moved nothing, by code': `filter message = "run_ended"
| stats count(*) as runs, latest(@timestamp) as last by syncId, is, code
| sort runs desc
| limit 200`,

  'Faults by code': `filter level = "ERROR" or level = "WARN"
| filter message != "needs_attention"
| stats count(*) as lines, latest(@timestamp) as last, latest(run) as lastRun by message, code, fault, function_name
| sort lines desc
| limit 200`,

  // Lambda's own last line of an invocation, which a crash has as well; the alarm counts by the same condition.
  'Invocations that failed': `filter type = "platform.report" and record.status != "success"
| stats count(*) as times, latest(@timestamp) as last, latest(record.requestId) as lastRequest, max(record.metrics.durationMs) / 1000 as seconds, max(record.metrics.maxMemoryUsedMB / record.metrics.memorySizeMB) * 100 as memoryPercent by @log, record.status, record.errorType
| sort times desc
| limit 200`,

  Freshness: `filter message = "run_committed" or message = "sync_freshness"
| stats max(coalesce(at, toMillis(@timestamp))) as committedMs by syncId
| fields fromMillis(committedMs) as committed, (now() * 1000 - committedMs) / 60000 as minutesAgo
| sort minutesAgo desc
| limit 200`,

  'Slowest runs': `filter message = "run_committed"
| fields run, rows, durationMs / 1000 as seconds
| sort durationMs desc
| limit 50`,

  'Rows by outcome': `filter message = "run_committed"
| stats sum(accepted) as acceptedRows, sum(rejected) as rejectedRows, sum(invalid) as invalidRows, sum(dead) as deadRows by syncId
| sort rejectedRows desc
| limit 200`,

  'Batches handed back': `filter message = "load_batch_ended" and is = "again"
| stats count(*) as times, avg(afterMs) / 1000 as secondsLater by account, code
| sort times desc
| limit 200`,

  'Cost of functions by day': `filter type = "platform.report"
| stats sum(record.metrics.billedDurationMs * record.metrics.memorySizeMB) / 1024000 * 0.0000133334 + count(*) * 0.0000002 as usd by bin(1d) as day, @log
| sort day desc, usd desc
| limit 200`,
} as const satisfies Readonly<Record<string, string>>;

/** What a query is found by in the console. */
const savedQueryName = (environment: string, name: string): string => `Tailrace/${environment}/${name}`;

export function saveQueries(
  scope: Construct,
  environment: string,
  functions: readonly lambda.Function[],
): void {
  for (const [name, text] of Object.entries(SAVED_QUERIES)) {
    new logs.CfnQueryDefinition(scope, `Query${name.replaceAll(/[^A-Za-z]/g, '')}`, {
      name: savedQueryName(environment, name),
      logGroupNames: functions.map((fn) => fn.logGroup.logGroupName),
      queryString: text,
    });
  }
}
