/** What an operator is told, word for word, and when nobody is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operatorMessage } from '../../shared/core/operator-message.ts';

const told = (type: string, detail: Record<string, unknown>) =>
  operatorMessage('prod', { 'detail-type': type, detail });

test('the first bad end of a series is told, with the code, the reason and the place in the runbook', () => {
  const detail = {
    syncId: 'people',
    epoch: 17,
    code: 'statement_failed',
    reason: 'relation "x" does not exist',
  };
  assert.deepEqual(told('Run Failed', { ...detail, inARow: 1 }), {
    subject: '[prod] Run 17 of people failed before anything was sent: statement_failed',
    text: `Run 17 of people failed before anything was sent: statement_failed.
- relation "x" does not exist
- runs after it that end badly are not told one by one; the one that commits is

  npx tailrace --env prod status people
What to do: docs/runbook.md#statements-failing`,
  });
  assert.equal(told('Run Failed', { ...detail, inARow: 2 }), undefined);
  assert.equal(told('Run Failed', detail), undefined, 'an end that somebody asked for');
});

test('the code decides where the runbook is opened', () => {
  const anchors = [
    'counts_do_not_add_up',
    'secret_missing',
    'auth_refused',
    'failure_storm',
    'run_stalled',
  ].map((code) => told('Run Fenced', { syncId: 'people', epoch: 2, code, inARow: 1 })?.text.split('#')[1]);
  assert.deepEqual(anchors, [
    'commit-mismatch',
    'secret-failing',
    'secret-failing',
    'rows-rejected',
    'runs-overdue',
  ]);
});

test('the run that ends a series is told, any other commit is not', () => {
  const commit = { syncId: 'people', epoch: 20, extracted: 5, accepted: 5 };
  assert.equal(told('Run Committed', commit), undefined);
  assert.deepEqual(told('Run Committed', { ...commit, healedRuns: 3 }), {
    subject: '[prod] people is mended: run 20 has committed, after 3 runs that did not',
    text: 'people is mended: run 20 has committed, after 3 runs that did not.',
  });
  assert.match(
    told('Run Committed', { ...commit, healedRuns: 1 })?.text ?? '',
    /after one run that did not\.$/,
  );
});

test('rows that died in a run are told with it, whether it ends a series or not', () => {
  const commit = { syncId: 'people', epoch: 20, extracted: 5, accepted: 5 };
  assert.equal(told('Run Committed', { ...commit, dead: 0 }), undefined);
  assert.deepEqual(told('Run Committed', { ...commit, dead: 40 }), {
    subject: '[prod] Run 20 of people has committed, but 40 of its rows were given up',
    text: `Run 20 of people has committed, but 40 of its rows were given up.
- recorded as dead; the failure records say why. Parked rows and rows that ended their loader wait for a change, others are tried by the next run

  npx tailrace --env prod status people
What to do: docs/runbook.md#dead-letters`,
  });
  assert.equal(
    told('Run Committed', { ...commit, dead: 1, healedRuns: 2 })?.text.split('\n')[0],
    'people is mended: run 20 has committed, after 2 runs that did not; one of its rows was given up.',
  );
});

test('however a hold ends, it is told: discarded, expired, paused, approved', () => {
  const end = { syncId: 'people', epoch: 4 };
  const discarded = 'Run 4 of people, which was held, is over: a person discarded it';
  assert.deepEqual(told('Run Discarded', { ...end, code: 'discarded', wasHeld: true }), {
    subject: `[prod] ${discarded}`,
    text: `${discarded}.\n- nothing of it was sent`,
  });
  assert.equal(
    told('Run Discarded', { ...end, code: 'hold_expired', wasHeld: true })?.subject,
    '[prod] Run 4 of people, which was held, is over: nobody decided in time',
  );
  const paused = { ...end, code: 'paused_by_operator' };
  assert.equal(
    told('Run Fenced', { ...paused, wasHeld: true })?.subject,
    '[prod] Run 4 of people, which was held, is over: an operator paused the sync',
  );
  assert.equal(told('Run Fenced', paused), undefined, 'no hold, and somebody asked for it');
  const answer = { requestId: 'r-1', verb: 'approve', syncId: 'people', by: null, at: 1, ok: true, epoch: 4 };
  assert.equal(
    told('Operator Answered', { ...answer, by: 'arn:aws:iam::111111111111:user/ben' })?.text,
    'Run 4 of people, which was held, was approved and is being sent.\n- approved by arn:aws:iam::111111111111:user/ben',
  );
  assert.equal(
    told('Operator Answered', answer)?.text,
    'Run 4 of people, which was held, was approved and is being sent.',
  );
  assert.equal(told('Operator Answered', { ...answer, ok: false, code: 'not_held' }), undefined);
  assert.equal(told('Operator Answered', { ...answer, verb: 'run' }), undefined);
});

test('a definition that is in order again is told after a refusal, and only then', () => {
  const accepted = { syncId: 'people', version: 4 };
  assert.equal(told('Definition Accepted', accepted), undefined);
  assert.deepEqual(told('Definition Accepted', { ...accepted, afterRefusal: true }), {
    subject: '[prod] The definition of people is in order again; version 4 runs',
    text: 'The definition of people is in order again; version 4 runs.',
  });
});

test('a held run comes with the commands that decide it', () => {
  const message = told('Run Held', {
    syncId: 'people',
    epoch: 4,
    planHash: 'abcd1234',
    reasons: [{ code: 'model_empty', message: 'the model has no rows; it had 10' }],
    until: 1,
    counts: { extracted: 0 },
  });
  assert.equal(
    message?.text,
    `Run 4 of people is held and waits for a person.
- model_empty: the model has no rows; it had 10

  npx tailrace --env prod status people
  npx tailrace --env prod approve people abcd1234
  npx tailrace --env prod discard people abcd1234
What to do: docs/runbook.md#run-held`,
  );
});

test('a pause by the engine and its end are told, those by a person are not', () => {
  const storm = {
    syncId: 'people',
    epoch: 4,
    code: 'failure_storm',
    reason: '300 of 1000 new rows were rejected',
  };
  assert.match(
    told('Sync Paused', storm)?.text ?? '',
    /^people was paused by the engine: failure_storm\.\n- 300 of/,
  );
  assert.equal(
    told('Sync Resumed', storm)?.subject,
    '[prod] people was resumed; it was paused for failure_storm',
  );
  const person = { syncId: 'people', code: 'paused_by_operator' };
  assert.equal(told('Sync Paused', person), undefined);
  assert.equal(told('Sync Resumed', person), undefined);
});

test('a refused definition comes with five of its faults and says what runs', () => {
  const fault = (at: number) => ({
    path: `fields[${at}]`,
    code: 'field_missing',
    message: 'no',
    remedy: 'add it',
  });
  const faults = [0, 1, 2, 3, 4, 5, 6].map(fault);
  const message = told('Definition Refused', { syncId: 'people', version: 3, faults });
  assert.equal(message?.subject, '[prod] The last edit of people was refused; version 3 goes on running');
  assert.match(message?.text ?? '', /\n- fields\[4\]: no \(field_missing\); add it\n- and 2 more\n/);
  const first = told('Definition Refused', { syncId: 'people', version: 0, faults: [fault(0)] });
  assert.match(first?.subject ?? '', /no version of it runs$/);
});

test('a breaker is told when it opens and when it closes, not when a probe fails', () => {
  const opened = told('Breaker Opened', { account: 'crm', code: 'connection_refused', openMs: 60_000 });
  assert.equal(
    opened?.text,
    `Nothing is sent to account crm for now: connection_refused.

  npx tailrace --env prod status
What to do: docs/runbook.md#breaker-open`,
  );
  assert.equal(told('Breaker Opened', { account: 'crm', code: 'probe_failed' }), undefined);
  assert.match(
    told('Breaker Opened', { account: 'crm', code: 'auth_refused' })?.text ?? '',
    /#secret-failing$/,
  );
  assert.equal(told('Breaker Closed', { account: 'crm' })?.text, 'Account crm answers again.');
});

test('a subject has less than a hundred characters, and other events are nobody’s business', () => {
  const subject = told('Breaker Opened', { account: 'a'.repeat(40), code: 'c'.repeat(80) })?.subject ?? '';
  assert.equal(subject.length, 99);
  assert.equal(told('Run Settled', { syncId: 'people', epoch: 1 }), undefined);
  assert.throws(() => told('Run Held', { syncId: 'people' }), /ZodError|invalid/i);
});
