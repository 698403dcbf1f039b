/**
 * What every destination of calls must keep, whatever its wire. A destination's test hands in a harness and
 * inherits all of it; each hostility that its wire can show is one more test.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import { Fault } from '../../shared/core/fault.ts';
import { REASON_CHARACTERS_MAX } from '../../shared/core/limits.ts';
import type { Outcome } from '../../shared/core/outcomes.ts';
import type { Operation, Row } from '../../shared/core/row.ts';
import type { ClosableDestination } from '../../shared/destinations/bind.ts';
import type { Destination } from '../../shared/destinations/destination.ts';
import { CANARY } from './binding.ts';
import { until } from './http-sink.ts';

export type Harness = {
  /**
   * A new binding to the account, its secret full of the canary. `wrongSecret`: the first one fetched is refused,
   * those after it are right. `unlisted`: the address is not on the account's list.
   */
  bind(more?: { wrongSecret?: boolean; unlisted?: boolean }): ClosableDestination & { fetches(): number };
  /** As a definition writes it. */
  readonly target: unknown;
  readonly matchOn: string;
  /** A row whose fields are id (matches), name, amount (exact), big (an integer beyond 2^53), note (text or null). */
  row(n: number, more?: Partial<Fields>): Row;
  /** The same fields of a record as the destination holds them, as texts; null for null; undefined for no record. */
  held(n: number): Promise<Partial<Record<keyof Fields, string | null>> | undefined>;
  /** Fields that make the destination refuse this row for good. */
  readonly poison: Partial<Fields>;
  /** Connections from this process that carry a call which is not answered. */
  busySockets(): number | Promise<number>;
  /** Each makes the next call meet this. */
  readonly hostile: {
    hang(): void | Promise<void>;
    cut(): void | Promise<void>;
    /** The rows are applied, the answer is lost. */
    applyThenHang(): void | Promise<void>;
    throttle?(): void;
    unavailable?(): void;
    silence?(): void;
    omitOne?(): void;
    wrongKeys?(): void;
    garble?(): void;
    echo?(): void;
  };
  /** Ends what a hostility began. */
  calm(): void | Promise<void>;
  /** Resolves when the destination has a request that it does not answer. */
  hanging(): Promise<void>;
  close(): Promise<void>;
};

export type Fields = {
  readonly name: string;
  readonly amount: string;
  readonly big: string;
  readonly note: string | null;
};

/** Row keys that positions cannot replace: not sorted, not dense, one with every kind of letter. */
const KEYS = [7, 3, 11, 5, 2];
const NAMES = 'Zoë 🦊 שלום "quoted" \\ back\tslash';

/** `shown`: the hostilities that its wire can show beyond hanging and cutting. */
export function contractOf(
  name: string,
  shown: readonly (keyof Harness['hostile'])[],
  open: () => Promise<Harness>,
): void {
  describe(`${name} keeps the contract`, () => {
    let harness: Harness;
    const bound: ClosableDestination[] = [];
    before(async () => {
      harness = await open();
    });
    afterEach(async () => {
      await harness.calm();
      await Promise.all(bound.splice(0).map((each) => each.close()));
    });
    after(() => harness.close());
    const bind: Harness['bind'] = (more) => {
      const made = harness.bind(more);
      bound.push(made);
      return made;
    };
    answers(() => harness, bind);
    values(() => harness, bind);
    faults(() => harness, bind);
    aborts(() => harness, bind);
    hostilities(() => harness, bind, shown);
  });
}

/** What a destination needs to show how it answers; a simulated one has no wire and no secret. */
export type AnswerHarness = Pick<Harness, 'target' | 'matchOn' | 'row' | 'held' | 'poison'> & {
  bind(): Binding;
};
type Binding = Pick<ClosableDestination, 'destination' | 'context'>;

/** The part of the contract that is about answers and values, for destinations that stand for one in tests. */
export function answersOf(name: string, open: () => AnswerHarness): void {
  describe(`${name} answers as the contract says`, () => {
    const harness = open();
    answers(
      () => harness,
      () => harness.bind(),
    );
    values(
      () => harness,
      () => harness.bind(),
    );
  });
}

type Given = () => Harness;
type Bind = Harness['bind'];
type Answering = () => AnswerHarness;

function answers(given: Answering, bind: () => Binding): void {
  test('one outcome per key, and the records are there', async () => {
    const rows = KEYS.map((n) => given().row(n));
    const outcomes = await write(given(), bind(), 'upsert', rows);
    assert.deepEqual(summary(outcomes), {
      'key-11': 'accepted',
      'key-2': 'accepted',
      'key-3': 'accepted',
      'key-5': 'accepted',
      'key-7': 'accepted',
    });
    assert.equal((await given().held(11))?.name, 'name 11');
  });

  test('a bad row alone is rejected with a code and a short reason, halving saves its neighbours', async () => {
    const rows = KEYS.map((n) => given().row(n, n === 5 ? given().poison : { name: 'second' }));
    const outcomes = await halving(given(), bind(), 'upsert', rows);
    assert.deepEqual(summary(outcomes), {
      'key-11': 'accepted',
      'key-2': 'accepted',
      'key-3': 'accepted',
      'key-5': 'rejected',
      'key-7': 'accepted',
    });
    const rejected = outcomes.find(({ is }) => is === 'rejected');
    assert.ok(rejected?.is === 'rejected');
    assert.match(rejected.code, /^[A-Za-z0-9_.:-]{1,64}$/);
    assert.ok(rejected.reason.length > 0 && rejected.reason.length <= REASON_CHARACTERS_MAX);
    assert.equal((await given().held(7))?.name, 'second');
  });

  test('a repeat of an idempotent operation changes nothing and is accepted again', async () => {
    const destination = bind();
    const { operations } = destination.destination;
    const idempotent = operations(destination.context(never()).settings);
    for (const operation of ['upsert', 'update', 'delete'] as const) {
      if (idempotent[operation] !== 'idempotent') continue;
      const rows = [given().row(21), given().row(22)];
      if (operation !== 'delete') await write(given(), destination, 'upsert', rows);
      const first = await write(given(), destination, operation, rows);
      const heldFirst = await given().held(21);
      const second = await write(given(), destination, operation, rows);
      assert.deepEqual(summary(first), { 'key-21': 'accepted', 'key-22': 'accepted' }, operation);
      assert.deepEqual(summary(second), summary(first), operation);
      assert.deepEqual(await given().held(21), heldFirst, operation);
    }
  });

  test('a field that is absent is left as it is, null clears it', async () => {
    const destination = bind();
    await write(given(), destination, 'upsert', [given().row(31, { note: 'kept' }), given().row(32)]);
    const { note: _absent, ...fields } = given().row(31, { name: 'changed' }).fields;
    await write(given(), destination, 'upsert', [{ key: 'key-31', fields }, given().row(32, { note: null })]);
    const [kept, cleared] = [await given().held(31), await given().held(32)];
    assert.deepEqual([kept?.name, kept?.note], ['changed', 'kept']);
    assert.equal(cleared?.note, null);
  });

  test('a delete removes, and a delete of what is gone is accepted', async () => {
    const destination = bind();
    await write(given(), destination, 'upsert', [given().row(41)]);
    const outcomes = await write(given(), destination, 'delete', [given().row(41), given().row(42)]);
    assert.deepEqual(summary(outcomes), { 'key-41': 'accepted', 'key-42': 'accepted' });
    assert.equal(await given().held(41), undefined);
  });

  test('an update of a record that is not there is rejected and makes none', async () => {
    const outcomes = await write(given(), bind(), 'update', [given().row(51)]);
    assert.deepEqual(summary(outcomes), { 'key-51': 'rejected' });
    assert.equal(await given().held(51), undefined);
  });
}

function values(given: Answering, bind: () => Binding): void {
  test('digits and letters arrive as they left', async () => {
    const row = given().row(61, { name: NAMES, amount: '12.340', big: '9007199254740993', note: '' });
    await write(given(), bind(), 'upsert', [row]);
    assert.deepEqual(await given().held(61), {
      name: NAMES,
      amount: '12.340',
      big: '9007199254740993',
      note: '',
    });
  });
}

function faults(given: Given, bind: Bind): void {
  test('a wrong secret is auth_refused, and a new one is fetched once', async () => {
    const destination = bind({ wrongSecret: true });
    const fault = await faultOf(write(given(), destination, 'upsert', [given().row(71)]));
    assert.deepEqual([fault.kind, fault.code], ['config', 'auth_refused']);
    assert.equal(destination.fetches(), 1);
    destination.forgetSecret();
    destination.forgetSecret();
    const both = [given().row(71), given().row(72)].map((row) =>
      write(given(), destination, 'upsert', [row]),
    );
    assert.deepEqual(
      (await Promise.all(both)).flat().map(({ is }) => is),
      ['accepted', 'accepted'],
    );
    assert.equal(destination.fetches(), 2);
  });

  test('an address that the account does not list is refused', async () => {
    const fault = await faultOf(write(given(), bind({ unlisted: true }), 'upsert', [given().row(73)]));
    assert.deepEqual([fault.kind, fault.code], ['config', 'address_refused']);
  });

  test('check passes without changing anything, and fails for a wrong secret', async () => {
    const held = await given().held(7);
    await check(given(), bind());
    assert.deepEqual(await given().held(7), held);
    const fault = await faultOf(check(given(), bind({ wrongSecret: true })));
    assert.equal(fault.code, 'auth_refused');
  });

  test('a cut connection is transient', async () => {
    await given().hostile.cut();
    const fault = await faultOf(write(given(), bind(), 'upsert', [given().row(74)]));
    assert.equal(fault.kind, 'transient');
  });
}

function aborts(given: Given, bind: Bind): void {
  for (const warm of [false, true]) {
    test(`an abort on a ${warm ? 'used' : 'new'} connection leaves no socket`, async () => {
      const destination = bind();
      if (warm) await write(given(), destination, 'upsert', [given().row(80)]);
      const control = new AbortController();
      await given().hostile.hang();
      const writing = faultOf(write(given(), destination, 'upsert', [given().row(81)], control.signal));
      await given().hanging();
      control.abort();
      assert.equal((await writing).kind, 'transient');
      await until(async () => (await given().busySockets()) === 0);
    });
  }

  test('an abort before the call sends nothing', async () => {
    const destination = bind();
    const fault = await faultOf(
      write(given(), destination, 'upsert', [given().row(84)], AbortSignal.abort()),
    );
    assert.equal(fault.kind, 'transient');
    assert.equal(await given().held(84), undefined);
  });

  test('applied and then silent: the call fails, its repeat is harmless', async () => {
    const destination = bind();
    const control = new AbortController();
    await write(given(), destination, 'upsert', [given().row(82)]);
    await given().hostile.applyThenHang();
    const writing = faultOf(write(given(), destination, 'upsert', [given().row(83)], control.signal));
    await until(async () => (await given().held(83)) !== undefined);
    control.abort();
    assert.equal((await writing).kind, 'transient');
    await given().calm();
    const again = await write(given(), destination, 'upsert', [given().row(83)]);
    assert.deepEqual(summary(again), { 'key-83': 'accepted' });
    assert.equal((await given().held(83))?.name, 'name 83');
  });
}

type Judge = (met: Outcome[] | Fault) => void;
const JUDGES: Readonly<Record<string, Judge>> = {
  throttle: (met) => assertFault(met, 'transient', 'throttled'),
  unavailable: (met) =>
    assert.ok(met instanceof Fault && met.kind === 'transient' && met.code !== 'throttled'),
  silence: (met) => assertDeferred(met, 3),
  omitOne: (met) => assertDeferred(met, 1),
  wrongKeys: (met) => assertDeferred(met, 3),
  garble: (met) => assertDeferred(met, 3),
  echo: (met) => assert.ok(!inspect(met, { depth: 8, showHidden: true }).includes(CANARY)),
};

function hostilities(given: Given, bind: Bind, shown: readonly (keyof Harness['hostile'])[]): void {
  for (const hostility of shown) {
    test(`${hostility} is met as the contract says`, async () => {
      const make = given().hostile[hostility];
      const judge = JUDGES[hostility];
      assert.ok(make !== undefined && judge !== undefined, `the harness cannot show ${hostility}`);
      await make();
      const rows = [91, 92, 93].map((n) => given().row(n));
      const met = await write(given(), bind(), 'upsert', rows).catch((error: unknown) => {
        assert.ok(error instanceof Fault, inspect(error));
        return error;
      });
      judge(met);
    });
  }
}

// ---------------------------------------------------------------- calls

const never = (): AbortSignal => new AbortController().signal;

async function write(
  { target, matchOn }: AnswerHarness | Harness,
  bound: Binding,
  operation: Operation,
  rows: readonly Row[],
  signal: AbortSignal = never(),
): Promise<Outcome[]> {
  const destination = bound.destination as Destination<unknown, unknown>;
  const request = { operation, matchOn, rows, idempotencyKey: `key of ${rows.map(({ key }) => key)}` };
  const outcomes = await destination.write(bound.context(signal), destination.target.parse(target), request);
  assert.deepEqual(outcomes.map(({ key }) => key).toSorted(), rows.map(({ key }) => key).toSorted());
  return [...outcomes];
}

async function check({ target }: Harness, bound: ClosableDestination): Promise<void> {
  const destination = bound.destination as Destination<unknown, unknown>;
  await destination.check(bound.context(never()), destination.target.parse(target));
}

/** As the engine does it: a refused request is halved until the bad row is alone. */
async function halving(
  harness: AnswerHarness,
  bound: Binding,
  operation: Operation,
  rows: readonly Row[],
): Promise<Outcome[]> {
  try {
    return await write(harness, bound, operation, rows);
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'request_refused' && rows.length > 1);
    const middle = Math.ceil(rows.length / 2);
    const halves = [rows.slice(0, middle), rows.slice(middle)];
    const done = await Promise.all(halves.map((half) => halving(harness, bound, operation, half)));
    return done.flat();
  }
}

/** The Fault that a call ends with; it must not carry a secret in any part. */
async function faultOf(call: Promise<unknown>): Promise<Fault> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof Fault, inspect(error));
    assert.ok(
      !inspect(error, { depth: 10, showHidden: true }).includes(CANARY),
      'a Fault carries the secret',
    );
    return error;
  }
  throw new Error('expected a Fault, the call succeeded');
}

const summary = (outcomes: readonly Outcome[]): Record<string, string> =>
  Object.fromEntries(outcomes.map(({ key, is }) => [key, is]).toSorted());

function assertFault(met: Outcome[] | Fault, kind: string, code: string): void {
  assert.ok(met instanceof Fault, inspect(met));
  assert.deepEqual([met.kind, met.code], [kind, code]);
}

function assertDeferred(met: Outcome[] | Fault, count: number): void {
  assert.ok(Array.isArray(met), inspect(met));
  assert.equal(met.filter(({ is }) => is === 'deferred').length, count);
}
