/**
 * What every definitions table must do: what people wrote is read as it is, what we write comes back exactly, and
 * accepted versions only grow. Each test keeps to a sync of its own.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type AcceptedDefinition, syncSchema } from '../../shared/core/sync.ts';
import type { Definitions, Item } from '../../shared/ports.ts';

export type OpenedDefinitions = {
  readonly definitions: Definitions;
  /** What a person does in the console or a pipeline. */
  write(syncId: string, item: Item): Promise<void>;
  erase(syncId: string): Promise<void>;
  /** The next call is done, and its answer does not come. */
  loseNextAnswer(): void;
  close(): Promise<void>;
};

export function definitionsContract(name: string, open: () => Promise<OpenedDefinitions>): void {
  const opened = open();
  after(async () => (await opened).close());
  let syncs = 0;
  const each = (label: string, run: (of: OpenedDefinitions, syncId: string) => Promise<void>): void => {
    syncs += 1;
    const syncId = `sync-${syncs}`;
    test(`${name}: ${label}`, async () => run(await opened, syncId));
  };

  each('a sync that nobody wrote has nothing', async ({ definitions }, syncId) => {
    assert.equal(await definitions.written(syncId), undefined);
    assert.equal(await definitions.accepted(syncId), undefined);
    assert.equal(await definitions.status(syncId), undefined);
  });

  each('what people wrote is read as it is, of any shape, until they delete it', async (of, syncId) => {
    await of.write(syncId, { syncId, ...ODD });
    assert.deepEqual(await of.definitions.written(syncId), { syncId, ...ODD });
    await of.write(syncId, { syncId, enabled: 'perhaps' });
    assert.deepEqual(await of.definitions.written(syncId), { syncId, enabled: 'perhaps' });
    await of.erase(syncId);
    assert.equal(await of.definitions.written(syncId), undefined);
  });

  each(
    'an accepted version comes back exactly, and writing the item does not touch it',
    async (of, syncId) => {
      assert.equal(await of.definitions.accept(syncId, version(syncId, 1)), true);
      await of.write(syncId, { syncId, broken: true });
      assert.deepEqual(await of.definitions.accepted(syncId), version(syncId, 1));
      assert.equal(await of.definitions.accepted(`${syncId}-other`), undefined);
    },
  );

  each('versions only grow', async ({ definitions }, syncId) => {
    assert.equal(await definitions.accept(syncId, version(syncId, 5)), true);
    assert.equal(await definitions.accept(syncId, version(syncId, 5, 'late@example.com')), false);
    assert.equal(await definitions.accept(syncId, version(syncId, 4)), false);
    assert.deepEqual(await definitions.accepted(syncId), version(syncId, 5));
    assert.equal(await definitions.accept(syncId, version(syncId, 6)), true);
    assert.deepEqual(await definitions.accepted(syncId), version(syncId, 6));
  });

  each('of many writers of one version exactly one is accepted', async ({ definitions }, syncId) => {
    const writers = Array.from({ length: 8 }, (_, index) => `writer${index}@example.com`);
    const taken = await Promise.all(
      writers.map((owner) => definitions.accept(syncId, version(syncId, 2, owner))),
    );
    assert.equal(taken.filter((isTaken) => isTaken).length, 1);
    const winner = writers[taken.indexOf(true)];
    assert.equal((await definitions.accepted(syncId))?.sync.owner, winner);
  });

  each('what is forgotten is gone, twice too, and may be accepted anew', async ({ definitions }, syncId) => {
    await definitions.accept(syncId, version(syncId, 3));
    await definitions.forget(syncId);
    await definitions.forget(syncId);
    assert.equal(await definitions.accepted(syncId), undefined);
    assert.equal(await definitions.accept(syncId, version(syncId, 1)), true);
  });

  each(
    'a status is beside the definition, the last one wins, and forgetting leaves it',
    async (of, syncId) => {
      const { definitions } = of;
      await of.write(syncId, { syncId });
      await definitions.setStatus(syncId, { ...REFUSED, state: 'accepted', version: 9, faults: [] });
      await definitions.setStatus(syncId, REFUSED);
      await definitions.forget(syncId);
      assert.deepEqual(await definitions.status(syncId), REFUSED);
      assert.deepEqual(await definitions.written(syncId), { syncId });
    },
  );

  each('an accept whose answer was lost was done: its repeat is refused', async (of, syncId) => {
    const { definitions } = of;
    of.loseNextAnswer();
    await assert.rejects(definitions.accept(syncId, version(syncId, 1)), {
      name: 'Fault',
      kind: 'transient',
    });
    assert.deepEqual(await definitions.accepted(syncId), version(syncId, 1));
    assert.equal(await definitions.accept(syncId, version(syncId, 1)), false);
    of.loseNextAnswer();
    await assert.rejects(definitions.setStatus(syncId, REFUSED), { kind: 'transient' });
    assert.deepEqual(await definitions.status(syncId), REFUSED);
    of.loseNextAnswer();
    await assert.rejects(definitions.forget(syncId), { kind: 'transient' });
    assert.equal(await definitions.accepted(syncId), undefined);
  });
}

const ODD = {
  enabled: true,
  number: -1.5,
  text: 'naïve 😀',
  empty: '',
  nothing: null,
  list: [1, 'two', [], { three: [null] }],
  map: { '': 0, 'odd name': {} },
} as const;

const REFUSED = {
  state: 'refused',
  version: 2,
  at: 1_767_571_200_000,
  answers: 'f00d',
  faults: [{ path: 'fields[0].to', code: 'target_twice', message: 'ü "quoted"', remedy: 'take one away' }],
} as const;

const version = (syncId: string, number: number, owner = 'a@example.com'): AcceptedDefinition => ({
  sync: syncSchema.parse({
    syncId,
    owner,
    schedule: { every: '15 minutes' },
    model: {
      sql: "select 'ü' as id",
      primaryKey: ['id'],
      changes: { by: 'cursor', column: 'at', lagSeconds: 60 },
    },
    destination: {
      account: 'crm',
      object: 'contacts',
      mode: 'upsert',
      matchOn: 'id',
      options: { deep: [1] },
    },
    fields: [
      { to: 'id', from: 'id', as: { lookup: { a: 1, b: 'two', c: false } } },
      { to: 'n', value: 0 },
    ],
    checks: [{ name: 'filled', sql: 'id is not null', otherwise: 'hold', whenMoreThan: '5%' }],
  }),
  version: number,
  mappingVersion: 'm',
  generation: 'g',
});
