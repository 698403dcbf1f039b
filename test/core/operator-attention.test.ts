/** What an operator reads of those who need somebody, word for word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operatorMessage } from '../../shared/core/operator-message.ts';

const SINCE = Date.UTC(2026, 0, 5, 6, 7, 8);
const NONE = { needs: 0, over: 0 };
const overdue = (syncId: string) => ({ what: 'runs_overdue', syncId, code: 'no_run', since: SINCE });
const REJECTING = { what: 'syncs_rejecting', syncId: 'people', code: 'failure_set', since: SINCE };
const STARVED = { what: 'budgets_starved', account: 'crm', code: 'rate_cut', since: SINCE };

const told = (needs: object[], over: object[] = [], more: object = NONE) =>
  operatorMessage('prod', { 'detail-type': 'Attention Changed', detail: { needs, over, more } });

test('one that needs somebody: which, since when, why, the command and the place in the runbook', () => {
  assert.deepEqual(told([overdue('people')]), {
    subject: '[prod] people has not committed since 2026-01-05 06:07 UTC: no_run',
    text: `people has not committed since 2026-01-05 06:07 UTC: no_run.

  npx tailrace --env prod status people
What to do: docs/runbook.md#runs-overdue`,
  });
  assert.equal(
    told([REJECTING])?.text,
    `Too many rows of people are not at their destination, since 2026-01-05 06:07 UTC.

  npx tailrace --env prod status people
What to do: docs/runbook.md#rows-rejected`,
  );
  assert.equal(
    told([STARVED])?.text,
    `Account crm may send far less than its rate, since 2026-01-05 06:07 UTC: rate_cut.

  npx tailrace --env prod status
What to do: docs/runbook.md#budget-starving`,
  );
});

test('one that no longer does: a sentence, and nothing to be done', () => {
  assert.deepEqual(told([], [overdue('people')]), {
    subject: '[prod] people is not overdue any more',
    text: 'people is not overdue any more.',
  });
  assert.equal(told([], [REJECTING])?.text, 'Most rows of people are at their destination again.');
  assert.equal(told([], [STARVED])?.text, 'Account crm is not held far below its rate any more.');
});

test('several: all that the event names, how many more, what is over, each heading once', () => {
  const message = told([overdue('a'), overdue('b'), STARVED], [REJECTING], { needs: 7, over: 2 });
  assert.equal(message?.subject, '[prod] 10 newly in need of somebody, 3 no longer');
  assert.equal(
    message?.text,
    `10 newly in need of somebody, 3 no longer.
- a has not committed since 2026-01-05 06:07 UTC: no_run
- b has not committed since 2026-01-05 06:07 UTC: no_run
- account crm may send far less than its rate, since 2026-01-05 06:07 UTC: rate_cut
- and 7 more
- over: most rows of people are at their destination again
- over: and 2 more

  npx tailrace --env prod status
What to do: docs/runbook.md#runs-overdue
What to do: docs/runbook.md#budget-starving`,
  );
  assert.equal(told([overdue('a'), overdue('b')])?.subject, '[prod] 2 syncs or accounts need somebody');
  assert.equal(
    told([], [overdue('a'), STARVED])?.subject,
    '[prod] 2 syncs or accounts no longer need anybody',
  );
});

test('every name that the event carries is shown, not only the first five', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const lines = told(names.map(overdue))?.text.split('\n') ?? [];
  assert.equal(lines.filter((line) => line.endsWith(': no_run')).length, 8);
});
