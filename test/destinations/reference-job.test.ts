/** The second contract, by its reference implementation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context, WriteRequest } from '../../shared/destinations/destination.ts';
import { type ReferenceJobs, referenceJobs } from './reference-job.ts';

const request = (idempotencyKey: string, keys: readonly string[]): WriteRequest => ({
  operation: 'upsert',
  matchOn: 'email',
  rows: keys.map((key) => ({ key, fields: { email: `${key}@example.com` } })),
  idempotencyKey,
});
const target = { object: 'people' };

function contextOf({ destination }: ReferenceJobs, settings: object = {}) {
  type Settings = ReturnType<typeof destination.settings.parse>;
  return { settings: destination.settings.parse(settings) } as Context<Settings>;
}

test('submit, wait, results by key', async () => {
  const jobs = referenceJobs();
  const ctx = contextOf(jobs);
  jobs.reject('b');
  jobs.hide('c');
  const sent = request('i1', ['a', 'b', 'c']);
  const { jobId } = await jobs.destination.submit(ctx, target, sent);
  const polls = [];
  for (let times = 0; times < 3; times += 1) {
    polls.push(await jobs.destination.poll(ctx, target, { jobId, request: sent }));
  }
  assert.deepEqual(polls, [
    { done: false, waitMs: 5000 },
    { done: false, waitMs: 5000 },
    {
      done: true,
      outcomes: [
        { key: 'c', is: 'deferred', reason: 'the results of the job do not name this row' },
        { key: 'b', is: 'rejected', code: 'refused', reason: 'this row is refused' },
        { key: 'a', is: 'accepted' },
      ],
    },
  ]);
  assert.deepEqual([...jobs.records.keys()], ['people "c@example.com"', 'people "a@example.com"'].toSorted());
});

test('a repeated submit gives the same job', async () => {
  const jobs = referenceJobs();
  const ctx = contextOf(jobs);
  const sent = request('i1', ['a']);
  const [first, second] = [
    await jobs.destination.submit(ctx, target, sent),
    await jobs.destination.submit(ctx, target, sent),
  ];
  assert.deepEqual(first, second);
  assert.equal(jobs.jobsMade(), 1);
});

test('too many jobs, a job that fails, a job that is lost', async () => {
  const jobs = referenceJobs();
  const ctx = contextOf(jobs, { pollsPerJob: 0, jobsQueuedMax: 1 });
  jobs.failNext();
  const sent = request('i1', ['a']);
  const { jobId } = await jobs.destination.submit(ctx, target, sent);
  await assert.rejects(jobs.destination.submit(ctx, target, request('i2', ['b'])), {
    kind: 'transient',
    code: 'throttled',
    retryAfterMs: 5000,
  });
  const poll = () => jobs.destination.poll(ctx, target, { jobId, request: sent });
  await assert.rejects(poll(), { kind: 'transient', code: 'job_failed' });
  assert.equal(jobs.records.size, 0);
  await jobs.destination.submit(ctx, target, sent);
  assert.deepEqual(await poll(), { done: true, outcomes: [{ key: 'a', is: 'accepted' }] });
  assert.equal(jobs.jobsMade(), 2);
  jobs.loseJobs();
  await assert.rejects(poll(), { kind: 'transient', code: 'job_lost' });
});
