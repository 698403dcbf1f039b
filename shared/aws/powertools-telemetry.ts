/**
 * Logs and metrics by Powertools. Metrics are embedded in the log (EMF), summed over an invocation and written once at
 * its end, with the dimensions `environment` and, where one is named, `account`: every distinct set of dimensions is
 * billed as a metric of its own, so ids of syncs and runs never become one.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Fault } from '../core/fault.ts';
import { METRIC_NAMESPACE, METRICS, type Metric } from '../core/metrics.ts';
import type { Attribute, Telemetry } from '../ports.ts';
import { type LoggableFields, loggable } from './loggable.ts';

/** What the lines that follow are about. */
export type Subject = Readonly<Record<string, Attribute>> & {
  readonly syncId?: string;
  readonly epoch?: number;
};

export type LambdaTelemetry = Telemetry & {
  /** For the middleware that adds the request's context to each line. */
  readonly logger: Logger;
  /** A fault that ends an invocation: kind, code and the frames of its stack, never its message. */
  failed(fault: Fault): void;
  /** Puts these fields on every line until the next subject, or the end of the invocation. */
  about(subject: Subject): void;
  /** Writes the metrics of this invocation. */
  flush(): void;
};

type LogLevel = Parameters<Telemetry['log']>[0];

/** One for the life of an execution environment. */
export function powertoolsTelemetry(environment: string): LambdaTelemetry {
  const logger = new Logger({ serviceName: 'tailrace', persistentLogAttributes: { environment } });
  const sums = new Map<string, Map<string, number>>();
  const count = (metric: Metric, value: number, named = ''): void => {
    const account = METRICS[metric].by === 'account' ? named : '';
    const ofAccount = sums.get(account) ?? new Map<string, number>();
    sums.set(account, ofAccount.set(metric, (ofAccount.get(metric) ?? 0) + value));
  };
  let subject: LoggableFields = {};
  const log = (level: LogLevel, code: string, fields: Record<string, unknown>): void => {
    logger[level](code, { ...subject, ...fields });
    // Every error is something that should not be: one metric to be alarmed by, whatever its code.
    if (level === 'error') count('errors', 1);
  };
  return {
    logger,
    log: (level, code, fields) => log(level, code, loggable(fields)),
    failed: (fault) =>
      log(fault.kind === 'transient' ? 'warn' : 'error', fault.code, {
        kind: fault.kind,
        faultName: faultName(fault),
        frames: frames(fault),
      }),
    count,
    about: (next) => {
      subject = loggable(next);
    },
    flush: () => {
      subject = {};
      for (const [account, ofAccount] of sums) publish(environment, account, ofAccount);
      sums.clear();
    },
  };
}

function publish(environment: string, account: string, sums: ReadonlyMap<string, number>): void {
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  // Powertools adds a dimension `service` of its own, which is the same everywhere.
  metrics.clearDefaultDimensions();
  metrics.setDefaultDimensions({ environment, ...(account === '' ? {} : { account }) });
  for (const [metric, sum] of sums) metrics.addMetric(metric, MetricUnit.Count, sum);
  metrics.publishStoredMetrics();
}

const faultName = (fault: Fault): string =>
  fault.cause instanceof Error ? fault.cause.name.slice(0, 80) : fault.name;

const FRAMES_MAX = 8;

/** Places in the code only: an error's message may repeat a value. */
function frames(fault: Fault): string[] {
  const { stack = '' } = fault.cause instanceof Error ? fault.cause : fault;
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return lines.slice(0, FRAMES_MAX).map((line) => line.trim().slice(0, 200));
}
