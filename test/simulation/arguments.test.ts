/** The simulator's command refuses what would make it play nothing and report success. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readArguments } from './arguments.ts';

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['--seeds 0', /^--seeds "0": a whole number from 1 on is needed$/],
  ['--seeds 1e3', /^--seeds "1e3"/],
  ['--seeds=-5', /^--seeds "-5"/],
  ['--from x', /^--from "x"/],
  ['--minutes x', /^--minutes "x": a number above 0 is needed$/],
  ['--minutes 0', /^--minutes "0"/],
  ['--seed abc', /^--seed "abc"/],
  ['--seed 1.5', /^--seed "1.5"/],
  ['--seed 7 --most many', /^--most "many"/],
  [
    '--seed 7 --without lostPerCall,lostPerDay',
    /^--without lostPerDay: no such fault; there are crashPerCall/,
  ],
  ['--crash-pairs --every 0', /^--every "0"/],
  ['--without lostPerCall', /^--without says nothing with many seeds$/],
  ['--seed 7 --minutes 3', /^--minutes says nothing with --seed$/],
  ['--seed 7 --mutations', /^--seed and --mutations do not go together$/],
  ['--sed 7', /Unknown option '--sed'/],
  ['7', /Unexpected argument '7'/],
];

for (const [args, message] of REFUSED) {
  test(`refused: npm run sim -- ${args}`, () => {
    assert.throws(() => readArguments(args.split(' ')), { message });
  });
}

test('what is asked for is what is played', () => {
  const asked = readArguments('--seeds 2000 --from 31 --minutes 1.5 --json'.split(' '));
  assert.deepEqual(asked, { is: 'seeds', isJson: true, from: 31, seeds: 2000, minutes: 1.5 });
  const one = readArguments('--seed 7 --without lostPerCall,jobSlow --most 12'.split(' '));
  const without = new Set(['lostPerCall', 'jobSlow']);
  assert.deepEqual(one, { is: 'seed', isJson: false, seed: 7, without, most: 12 });
});

test('a refused command ends with 2 and says why', () => {
  const command = fileURLToPath(new URL('./command.ts', import.meta.url));
  const ended = spawnSync(process.execPath, [command, '--seeds', '0'], { encoding: 'utf8' });
  assert.equal(ended.status, 2);
  assert.match(ended.stderr, /^--seeds "0"/);
  assert.equal(ended.stdout, '');
});

test('time that is too short for a single seed is no success', () => {
  const command = fileURLToPath(new URL('./command.ts', import.meta.url));
  const args = [command, '--seeds', '4', '--minutes', '0.000001'];
  const ended = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(ended.status, 2);
  assert.match(ended.stderr, /no seed was played/);
});
