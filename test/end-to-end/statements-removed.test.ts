/**
 * A template that lacks one of its statements does not get through a whole run. One draw here; ten by
 * `node test/end-to-end/removed-statements.ts --draws 10`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNoticed, removeStatements } from './removed-statements.ts';
import { withoutStatement } from './template-statements.ts';

test('without a statement drawn by seed a call is refused', async () => {
  const draws = await removeStatements(1, SEED, undefined, 'FanOut');
  assert.equal(draws.length, 1);
  for (const draw of draws) {
    assert.ok(isNoticed(draw), `nobody missed ${draw.statement}: ${JSON.stringify(draw)}`);
  }
});

/** Among the statements of the function that every run passes through first: noticed within seconds. */
const SEED = 1;

test('the statement that is named is the one that is removed', () => {
  const policy = (...actions: string[]) => ({
    Type: 'AWS::IAM::Policy',
    Properties: { PolicyDocument: { Statement: actions.map((Action) => ({ Action })) } },
  });
  const template = JSON.stringify({ Resources: { A: policy('a:1', 'a:2', 'a:3'), B: policy('b:1') } });
  assert.deepEqual(JSON.parse(withoutStatement(template, 'A[1] Sid')), {
    Resources: { A: policy('a:1', 'a:3'), B: policy('b:1') },
  });
  assert.throws(() => withoutStatement(template, 'A[3]'), /the template has no A\[3\]/);
  assert.throws(() => withoutStatement(template, 'C[0]'), /the template has no C/);
});
