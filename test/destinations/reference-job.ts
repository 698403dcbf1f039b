/**
 * A reference implementation of the second contract: a bulk API that takes rows as a job and answers for them
 * later, in memory. The engine's tests use it; a real one (Salesforce Bulk, Klaviyo, Zendesk) follows its manners:
 *
 * - `submit` repeated with one idempotency key gives the same job, so an answer that was lost costs nothing;
 * - `poll` is read-only, asks to come back with a wait, and at the end answers for every key of the request;
 * - rows that the job's results do not name are deferred; a job that failed as a whole is `job_failed`, transient,
 *   and the rows go again; a job that nobody knows any more is `job_lost`, transient as well;
 * - outcomes come by key, in the order of the server and not of the request.
 */
import { z } from 'zod';
import { Fault, THROTTLED } from '../../shared/core/fault.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type { Row, Value } from '../../shared/core/row.ts';
import type { JobDestination, WriteRequest } from '../../shared/destinations/destination.ts';

const settingsSchema = z.strictObject({
  /** Polls that a job needs before it is done. */
  pollsPerJob: z.int().min(0).max(100).default(2),
  pollEveryMs: z.int().min(1).max(600_000).default(5000),
  jobsQueuedMax: z.int().min(1).max(1000).default(30),
});
const targetSchema = z.looseObject({ object: z.string().min(1) });
type Settings = z.infer<typeof settingsSchema>;
type Target = z.infer<typeof targetSchema>;

export type ReferenceJobs = {
  readonly destination: JobDestination<Settings, Target>;
  /** What it holds: object -> match value -> fields. */
  readonly records: ReadonlyMap<string, Readonly<Record<string, Value>>>;
  readonly jobsMade: () => number;
  /** The next job made ends as a whole with nothing applied. */
  failNext(): void;
  /** Results leave out these keys, although the rows are applied. */
  hide(...keys: readonly string[]): void;
  /** These keys are rejected. */
  reject(...keys: readonly string[]): void;
  /** Forgets all jobs, as a vendor does after some days. */
  loseJobs(): void;
};

type Job = {
  readonly request: WriteRequest;
  readonly object: string;
  readonly fails: boolean;
  polls: number;
};
type Server = {
  readonly records: Map<string, Readonly<Record<string, Value>>>;
  readonly jobs: Map<string, Job>;
  readonly hidden: Set<string>;
  readonly rejected: Set<string>;
  made: number;
  failsNext: boolean;
};

export function referenceJobs(): ReferenceJobs {
  const server: Server = {
    records: new Map(),
    jobs: new Map(),
    hidden: new Set(),
    rejected: new Set(),
    made: 0,
    failsNext: false,
  };
  return {
    destination: destinationOf(server),
    records: server.records,
    jobsMade: () => server.made,
    failNext: () => {
      server.failsNext = true;
    },
    hide: (...keys) => {
      for (const key of keys) server.hidden.add(key);
    },
    reject: (...keys) => {
      for (const key of keys) server.rejected.add(key);
    },
    loseJobs: () => server.jobs.clear(),
  };
}

function destinationOf(server: Server): JobDestination<Settings, Target> {
  return {
    kind: 'jobs',
    name: 'reference-job',
    settings: settingsSchema,
    target: targetSchema,
    operations: () => ({ upsert: 'idempotent', delete: 'idempotent' }),
    limits: () => ({ requestRowsMax: 10_000, requestBytesMax: 5_000_000, requestsInFlightMax: 4 }),
    check: async () => undefined,
    submit: async (ctx, target, request) => ({ jobId: submit(server, ctx.settings, target.object, request) }),
    poll: async (ctx, _target, { jobId }) => poll(server, ctx.settings, jobId),
  };
}

function submit(server: Server, settings: Settings, object: string, request: WriteRequest): string {
  const jobId = `job-${request.idempotencyKey}`;
  if (server.jobs.has(jobId)) return jobId;
  const queued = [...server.jobs.values()].filter(({ polls }) => polls <= settings.pollsPerJob).length;
  if (queued >= settings.jobsQueuedMax) {
    throw new Fault('transient', THROTTLED, `${queued} jobs are queued already`, {
      retryAfterMs: settings.pollEveryMs,
    });
  }
  server.jobs.set(jobId, { request, object, fails: server.failsNext, polls: 0 });
  server.failsNext = false;
  server.made += 1;
  return jobId;
}

type Polled = { done: false; waitMs: number } | { done: true; outcomes: readonly Outcome[] };

function poll(server: Server, settings: Settings, jobId: string): Polled {
  const job = server.jobs.get(jobId);
  if (job === undefined) throw new Fault('transient', 'job_lost', 'the destination does not know this job');
  job.polls += 1;
  if (job.polls <= settings.pollsPerJob) return { done: false, waitMs: settings.pollEveryMs };
  if (job.fails) {
    // Gone, so that a submit of the same rows makes a new job instead of finding the failed one.
    server.jobs.delete(jobId);
    throw new Fault('transient', 'job_failed', 'the job failed as a whole');
  }
  return { done: true, outcomes: job.request.rows.map((row) => outcomeOf(server, job, row)).toReversed() };
}

function outcomeOf(server: Server, { request, object }: Job, { key, fields }: Row): Outcome {
  if (server.rejected.has(key)) {
    return { key, is: 'rejected', code: 'refused', reason: 'this row is refused' };
  }
  const name = `${object} ${JSON.stringify(fields[request.matchOn])}`;
  if (request.operation === 'delete') server.records.delete(name);
  else server.records.set(name, { ...server.records.get(name), ...fields });
  if (!server.hidden.has(key)) return { key, is: 'accepted' };
  return { key, is: 'deferred', reason: 'the results of the job do not name this row' };
}
