/** What every event bus must do: an event arrives as it was told, at least once. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EngineEvent, Events } from '../../shared/ports.ts';

export type OpenedEvents = {
  readonly events: Events;
  /** Everything that the bus has taken. */
  published(): Promise<readonly EngineEvent[]>;
  /** The next call is done, and its answer does not come. */
  loseNextAnswer(): void;
  close(): Promise<void>;
};

export function eventsContract(name: string, open: () => Promise<OpenedEvents>): void {
  const opened = open();
  after(async () => (await opened).close());
  const of = async (syncId: string): Promise<readonly EngineEvent[]> =>
    (await (await opened).published()).filter(({ detail }) => detail.syncId === syncId);

  test(`${name}: an event arrives with its type and its detail`, async () => {
    const { events } = await opened;
    const detail = {
      syncId: 'one',
      epoch: 3,
      paused: false,
      until: null,
      faults: [{ path: 'ü "x"' }],
      n: 0.5,
    };
    await events.publish({ type: 'Definition Refused', detail });
    assert.deepEqual(await of('one'), [{ type: 'Definition Refused', detail }]);
  });

  test(`${name}: the same event twice arrives twice, and all of many arrive`, async () => {
    const { events } = await opened;
    const settled = { type: 'Run Settled', detail: { syncId: 'many', epoch: 1 } } as const;
    await Promise.all(Array.from({ length: 25 }, () => events.publish(settled)));
    assert.deepEqual(
      await of('many'),
      Array.from({ length: 25 }, () => settled),
    );
  });

  test(`${name}: an event whose answer was lost was taken: its repeat is a duplicate`, async () => {
    const { events, loseNextAnswer } = await opened;
    const held = { type: 'Run Held', detail: { syncId: 'lost', epoch: 1 } } as const;
    loseNextAnswer();
    await assert.rejects(events.publish(held), { name: 'Fault', kind: 'transient' });
    await events.publish(held);
    assert.deepEqual(await of('lost'), [held, held]);
  });

  test(`${name}: what is changed after it was published is not changed on the bus`, async () => {
    const { events } = await opened;
    const faults = [{ path: 'a' }];
    await events.publish({ type: 'Definition Refused', detail: { syncId: 'copy', faults } });
    faults.push({ path: 'b' });
    assert.deepEqual((await of('copy'))[0]?.detail.faults, [{ path: 'a' }]);
  });
}
