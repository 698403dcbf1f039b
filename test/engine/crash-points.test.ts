/**
 * Every side effect of every scenario, killed before it left and right after; then ticks, redeliveries, retries and
 * sweeps go on, and the simulator's invariants must hold to the end. Pairs of kills: `npm run sim -- --crash-pairs`.
 *
 * The second half takes guards away and asks that the single kills notice each: a crash test that would not see a
 * missing guard proves nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NamedMutation } from '../simulation/mutation-views.ts';
import { MUTATIONS } from '../simulation/mutations.ts';
import type { Violation } from '../simulation/oracle.ts';
import { type Played, play } from './crash-history.ts';
import { SCENARIOS, type Scenario } from './crash-scenarios.ts';
import { SLIPS } from './crash-slips.ts';
import type { Kill } from './crashing-ports.ts';

for (const scenario of SCENARIOS) {
  test(`crash points: ${scenario.name}`, async (context) => {
    const clean = await play(scenario, []);
    assert.deepEqual(clean.violations, [], 'without a kill');
    assert.deepEqual(clean.failing, scenario.failing, 'without a kill');
    let points = 0;
    for (const kill of singles(clean)) {
      points += 1;
      const played = await play(scenario, [kill]);
      const label = `killed ${kill.when} effect ${kill.effect}, ${clean.effects[kill.effect - 1]}`;
      assert.deepEqual(played.violations, [], label);
      // An unanswered call of class C is unknown and is told so; elsewhere a kill makes no row fail.
      const isUnknown = (key: string): boolean =>
        scenario.shape.idempotency === 'unsafe' || clean.failing.includes(key);
      assert.ok(played.failing.every(isUnknown), `${label}: ${played.failing} failed`);
    }
    assert.ok(points >= LEAST_POINTS, `only ${points} crash points`);
    context.diagnostic(`${points} crash points, ${clean.commits} runs committed`);
  });
}

/** A history of three runs has more effects than this; fewer mean that a scenario has lost its life. */
const LEAST_POINTS = 120;

function* singles({ effects }: Played): Iterable<Kill> {
  for (let effect = 1; effect <= effects.length; effect += 1) {
    yield { effect, when: 'before' };
    yield { effect, when: 'after' };
  }
}

/** Guards that only a crash makes work, and a scenario where it does. */
const NOTICED: readonly (readonly [guard: string, scenario: string])[] = [
  ['a settle is written once', 'cursor upsert'],
  ['an abandoned run is dirty', 'diff mirror, paused in a run'],
  ['keys of abandoned runs are looked at again', 'diff mirror, paused in a run'],
  ['loaders of an old epoch are fenced off', 'cursor upsert, stopped, resumed and edited'],
  ['a resume point has the counts before it', 'diff insert, class C'],
  ['a call of class C is claimed', 'diff insert, class C'],
  ['a run keeps the definition that it began with', 'cursor upsert, stopped, resumed and edited'],
];

for (const [guard, name] of NOTICED) {
  test(`without "${guard}" a kill breaks what it protects`, async () => {
    const mutation = MUTATIONS.find((each) => each.guard === guard);
    const scenario = SCENARIOS.find((each) => each.name === name);
    assert.ok(mutation !== undefined && scenario !== undefined);
    assert.ok(await isNoticed(scenario, mutation), `${name}: no single kill notices it`);
  });
}

async function isNoticed(scenario: Scenario, mutation: NamedMutation): Promise<boolean> {
  const isBroken = ({ violations }: { readonly violations: readonly Violation[] }): boolean =>
    violations.some(({ invariant }) => mutation.protects.includes(invariant));
  const clean = await play(scenario, [], mutation);
  for (const kill of singles(clean)) if (isBroken(await play(scenario, [kill], mutation))) return true;
  return false;
}

/** Guards whose absence shows in any history, and the one invariant that has to tell: nobody needs to be killed. */
const NOTICED_AT_ONCE: readonly (readonly [guard: string, invariant: string, message: RegExp])[] = [
  ['each sweep finishes what is complete', 'I8', /complete, and flipped after \d+ ms without any fault/],
  ['slots are reserved by a conditional write', 'I9', /2 requests within \d+ ms/],
  ['a batch is one write', 'I14', /\d+ writes for \d+ batches, at most \d+/],
];

for (const [guard, invariant, message] of NOTICED_AT_ONCE) {
  test(`without "${guard}" a history without a kill breaks ${invariant}`, async () => {
    const mutation = MUTATIONS.find((each) => each.guard === guard);
    const [scenario] = SCENARIOS;
    assert.ok(mutation !== undefined && scenario !== undefined);
    const { violations } = await play(scenario, [], mutation);
    assert.ok(violations.some((one) => one.invariant === invariant && message.test(one.message)));
  });
}

for (const { slip, breaks, ...guardless } of SLIPS) {
  test(`that ${slip} is told, killed or not`, async () => {
    const [scenario] = SCENARIOS;
    assert.ok(scenario !== undefined);
    for (const kills of [[], [{ effect: 30, when: 'after' }]] as const) {
      const { violations } = await play(scenario, kills, guardless);
      assert.deepEqual([...new Set(violations.map(({ invariant }) => invariant))], [breaks]);
    }
  });
}
