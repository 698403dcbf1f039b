/** Which ends are treated in which way: the lists that used to be kept by hand, spelt out once more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpFor, isAskedFor, RUN_CODES, runCodeFacts } from '../../shared/core/run-codes.ts';

const codes = Object.keys(RUN_CODES);
const having = (is: (code: string) => boolean): readonly string[] => codes.filter(is).toSorted();

test('ends that a person asked for are no trouble', () => {
  assert.deepEqual(having(isAskedFor), ['definition_deleted', 'definition_disabled', 'paused_by_operator']);
});

test('owners are not told of ends that the engine tries again by itself', () => {
  assert.deepEqual(
    having((code) => runCodeFacts(code)?.isRetried === true),
    ['aws_unavailable', 'extractor_lost', 'run_stalled', 'run_too_old', 'statement_lost'],
  );
});

test('a new version of the definition resumes after a storm, and after nothing else', () => {
  assert.deepEqual(
    having((code) => runCodeFacts(code)?.isMendedByEdit === true),
    ['failure_storm'],
  );
});

test('who helps: those who know the engine, the secrets or the rows', () => {
  assert.deepEqual(
    having((code) => helpFor(code) === 'miscount'),
    ['counts_do_not_add_up', 'failures_not_recorded', 'stage_miscounted'],
  );
  assert.deepEqual(
    having((code) => helpFor(code) === 'credentials'),
    ['auth_refused', 'secret_invalid', 'secret_missing'],
  );
  assert.deepEqual(
    having((code) => helpFor(code) === 'storm'),
    ['failure_storm'],
  );
});

test('a code that the table does not know has no facts, whatever its name', () => {
  for (const code of ['toString', '__proto__', 'made_up', '']) {
    assert.equal(runCodeFacts(code), undefined, code);
    assert.equal(isAskedFor(code), false, code);
  }
});
