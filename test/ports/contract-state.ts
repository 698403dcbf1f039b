/**
 * What every state table must do, whether in memory or real: the engine's correctness rests on these few rules.
 * `open` gives a table that may hold other items; each test keeps to a partition of its own.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Condition, Item, StateStore } from '../../shared/ports.ts';

export type OpenedState = {
  readonly state: StateStore;
  /** The next call is done, and its answer does not come. */
  loseNextAnswer?(): void;
  close(): Promise<void>;
};

export function stateContract(name: string, open: () => Promise<OpenedState>): void {
  const opened = open();
  after(async () => (await opened).close());
  const keyed = (
    label: string,
    run: (state: StateStore, key: (sort: string) => Key) => Promise<void>,
  ): void => {
    test(`${name}: ${label}`, async () => {
      const partition = `CONTRACT#${name}#${label}`;
      await run((await opened).state, (sort) => ({ partition, sort }));
    });
  };

  keyed('an item that is not there reads as undefined', async (state, key) => {
    assert.equal(await state.read(key('a')), undefined);
  });

  keyed('an update creates the item and returns it whole, key left out or not', async (state, key) => {
    const written = await state.update(key('a'), { set: ALL_KINDS });
    assert.equal(written.applied, true);
    assert.deepEqual(own(written.item), ALL_KINDS);
    assert.deepEqual(own(await state.read(key('a'))), ALL_KINDS);
  });

  keyed('a refused update changes nothing and returns the item as it is', async (state, key) => {
    await state.update(key('a'), { set: { epoch: 3, phase: 'idle' } });
    const refused = await state.update(key('a'), {
      when: [{ attribute: 'epoch', is: '=', value: 2 }],
      set: { phase: 'loading' },
    });
    assert.equal(refused.applied, false);
    assert.deepEqual(own(refused.item), { epoch: 3, phase: 'idle' });
    assert.deepEqual(own(await state.read(key('a'))), { epoch: 3, phase: 'idle' });
  });

  keyed('a refused update of an item that is not there returns undefined', async (state, key) => {
    const refused = await state.update(key('a'), {
      when: [{ attribute: 'epoch', is: 'present' }],
      set: { epoch: 1 },
    });
    assert.deepEqual(refused, { applied: false, item: undefined });
    assert.equal(await state.read(key('a')), undefined);
  });

  keyed('conditions: every comparison, and what a missing attribute satisfies', async (state, key) => {
    await state.update(key('a'), { set: { n: 5, t: 'b', b: true } });
    const holds = async (when: Parameters<StateStore['update']>[1]['when']): Promise<boolean> =>
      (await state.update(key('a'), { ...(when === undefined ? {} : { when }), set: { seen: 1 } })).applied;
    for (const [condition, expected] of COMPARISONS) {
      assert.equal(await holds([condition]), expected, JSON.stringify(condition));
    }
    assert.equal(await holds([{ attribute: 'none', is: 'absent' }]), true);
    assert.equal(await holds([{ attribute: 'n', is: 'absent' }]), false);
    assert.equal(await holds([{ attribute: 'n', is: 'present' }]), true);
    assert.equal(await holds([{ attribute: 'none', is: 'present' }]), false);
  });

  keyed('conditions: all must hold, of `any` one', async (state, key) => {
    await state.update(key('a'), { set: { n: 5 } });
    const yes = { attribute: 'n', is: '=', value: 5 } as const;
    const no = { attribute: 'n', is: '=', value: 6 } as const;
    const absent = { attribute: 'gone', is: 'absent' } as const;
    assert.equal((await state.update(key('a'), { when: [yes, no], set: { x: 1 } })).applied, false);
    assert.equal((await state.update(key('a'), { when: [{ any: [no, yes] }], set: { x: 1 } })).applied, true);
    assert.equal(
      (await state.update(key('a'), { when: [yes, { any: [no, absent] }], set: { x: 1 } })).applied,
      true,
    );
    assert.equal((await state.update(key('a'), { when: [{ any: [no, no] }], set: { x: 1 } })).applied, false);
  });

  keyed('setIfAbsent: the first writer wins, and the item says who', async (state, key) => {
    const first = await state.update(key('a'), { setIfAbsent: { b0: 'first' } });
    const second = await state.update(key('a'), { setIfAbsent: { b0: 'second', b1: 'other' } });
    assert.equal(second.applied, true);
    assert.deepEqual(own(first.item), { b0: 'first' });
    assert.deepEqual(own(second.item), { b0: 'first', b1: 'other' });
  });

  keyed('setIfAbsent keeps a null that is there', async (state, key) => {
    await state.update(key('a'), { set: { watermark: null } });
    const written = await state.update(key('a'), { setIfAbsent: { watermark: 'x' } });
    assert.deepEqual(own(written.item), { watermark: null });
  });

  keyed('add changes a number that is there, and fails without one', async (state, key) => {
    await state.update(key('a'), { set: { nextFreeAt: 1_767_571_200_000 } });
    const written = await state.update(key('a'), {
      when: [{ attribute: 'nextFreeAt', is: '<', value: 1_767_571_200_001 }],
      add: { nextFreeAt: 250.5 },
    });
    assert.deepEqual(own(written.item), { nextFreeAt: 1_767_571_200_250.5 });
    await assert.rejects(state.update(key('b'), { add: { n: 1 } }));
  });

  keyed('remove takes attributes away, also those that are not there', async (state, key) => {
    await state.update(key('a'), { set: { p0: { offset: 5 }, b1: 'x' } });
    const written = await state.update(key('a'), { setIfAbsent: { b0: 'y' }, remove: ['p0', 'p1'] });
    assert.deepEqual(own(written.item), { b0: 'y', b1: 'x' });
  });

  keyed('names that are reserved words elsewhere are names like any other', async (state, key) => {
    const set = { state: 'open', owner: 'o', until: 1, count: 2, result: { at: 1 }, 'odd-name.x': 1 };
    assert.deepEqual(own((await state.update(key('a'), { set })).item), set);
  });

  keyed('list gives a partition whole and in order, with keys', async (state, key) => {
    const sorts = Array.from({ length: 120 }, (_, index) => String(index).padStart(6, '0'));
    for (const sort of [...sorts].reverse())
      await state.update(key(sort), { set: { pad: 'x'.repeat(2000) } });
    const seen: string[] = [];
    for await (const item of state.list(key('').partition)) {
      assert.equal(item.partition, key('').partition);
      assert.equal(item.pad, 'x'.repeat(2000));
      seen.push(item.sort);
    }
    assert.deepEqual(seen, sorts);
  });

  keyed('nothing that was sent or read is shared with the table', async (state, key) => {
    const sent = { list: [1, { two: 2 }] };
    const written = await state.update(key('a'), { set: { ...sent } });
    (sent.list as unknown[]).push('more');
    for (const given of [written.item, await state.read(key('a'))]) {
      // Either it is a copy or it cannot be changed.
      try {
        (given as { list: unknown[] }).list.length = 0;
        (given as { list?: unknown }).list = 'gone';
      } catch {}
    }
    assert.deepEqual(own(await state.read(key('a'))), { list: [1, { two: 2 }] });
  });

  keyed(
    'an item over 400 KB, a number that is none and overlapping paths are refused',
    async (state, key) => {
      await state.update(key('a'), { set: { n: 1 } });
      await assert.rejects(state.update(key('a'), { set: { text: 'x'.repeat(420_000) } }));
      await assert.rejects(state.update(key('a'), { set: { n: Number.NaN } }));
      await assert.rejects(state.update(key('a'), { set: { n: 2 }, remove: ['n'] }));
      assert.deepEqual(own(await state.read(key('a'))), { n: 1 });
    },
  );

  keyed('list does not see other partitions, nor one whose name begins alike', async (state, key) => {
    await state.update(key('a'), { set: { n: 1 } });
    const { partition } = key('a');
    await state.update({ partition: `${partition}2`, sort: 'a' }, { set: { n: 2 } });
    const seen: unknown[] = [];
    for await (const item of state.list(partition)) seen.push(item.n);
    assert.deepEqual(seen, [1]);
    for await (const item of state.list(`${partition}3`)) assert.fail(item.sort);
  });

  keyed('of many writers of one epoch exactly one is applied', async (state, key) => {
    await state.update(key('a'), { set: { epoch: 1, phase: 'idle' } });
    const tries = Array.from({ length: 8 }, (_, index) =>
      state.update(key('a'), {
        when: [
          { attribute: 'epoch', is: '=', value: 1 },
          { attribute: 'phase', is: '=', value: 'idle' },
        ],
        set: { epoch: 2, phase: 'extracting', owner: `writer${index}` },
      }),
    );
    const done = await Promise.all(tries);
    const winners = done.flatMap((one, index) => (one.applied ? [`writer${index}`] : []));
    assert.equal(winners.length, 1);
    assert.equal((await state.read(key('a')))?.owner, winners[0]);
    for (const one of done) assert.equal(one.item?.owner, winners[0]);
  });

  test(`${name}: a write whose answer was lost was done; its repeat is refused and shows whose it is`, async () => {
    const { state, loseNextAnswer } = await opened;
    if (loseNextAnswer === undefined) return;
    const key = { partition: `CONTRACT#${name}#lost`, sort: 'a' };
    await state.update(key, { set: { epoch: 1 } });
    const acquire = {
      when: [{ attribute: 'epoch', is: '=', value: 1 }],
      set: { epoch: 2, owner: 'me' },
    } as const;
    loseNextAnswer();
    await assert.rejects(state.update(key, acquire), { name: 'Fault', kind: 'transient' });
    const repeated = await state.update(key, acquire);
    assert.equal(repeated.applied, false);
    assert.deepEqual(own(repeated.item), { epoch: 2, owner: 'me' });
    loseNextAnswer();
    await assert.rejects(state.update(key, { setIfAbsent: { b0: 'first' } }), { kind: 'transient' });
    const settled = await state.update(key, { setIfAbsent: { b0: 'second' } });
    assert.equal(settled.item?.b0, 'first');
    loseNextAnswer();
    await assert.rejects(state.read(key), { kind: 'transient' });
  });
}

type Key = { readonly partition: string; readonly sort: string };

const ALL_KINDS = {
  text: 'é 😀',
  empty: '',
  number: -1.5,
  large: 9_007_199_254_740_991,
  yes: true,
  nothing: null,
  list: [1, 'two', null, { three: 3 }],
  map: { nested: { deep: [] } },
} as const;

const COMPARISONS: readonly (readonly [Condition, boolean])[] = [
  [{ attribute: 'n', is: '=', value: 5 }, true],
  [{ attribute: 'n', is: '=', value: 6 }, false],
  [{ attribute: 'n', is: '=', value: '5' }, false],
  [{ attribute: 'n', is: '!=', value: 6 }, true],
  [{ attribute: 'n', is: '!=', value: 5 }, false],
  [{ attribute: 'n', is: '<', value: 6 }, true],
  [{ attribute: 'n', is: '<', value: 5 }, false],
  [{ attribute: 'n', is: '<=', value: 5 }, true],
  [{ attribute: 'n', is: '>', value: 4 }, true],
  [{ attribute: 'n', is: '>', value: 5 }, false],
  [{ attribute: 'n', is: '>=', value: 5 }, true],
  [{ attribute: 'n', is: '>', value: '4' }, false],
  [{ attribute: 't', is: '<', value: 'c' }, true],
  [{ attribute: 't', is: '>', value: 'c' }, false],
  [{ attribute: 'b', is: '=', value: true }, true],
  [{ attribute: 'none', is: '=', value: 1 }, false],
  [{ attribute: 'none', is: '!=', value: 1 }, true],
  [{ attribute: 'none', is: '<', value: 1 }, false],
  [{ attribute: 'none', is: '>=', value: 0 }, false],
];

/** Adapters may return the key's attributes too; the contract is about the others. */
function own(item: Item | undefined): Item | undefined {
  if (item === undefined) return undefined;
  const { partition: _, sort: __, ...rest } = item;
  return rest;
}
