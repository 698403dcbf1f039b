/** What every schedule group must do: one schedule per sync, always written whole. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Schedules } from '../../shared/ports.ts';

export type OpenedSchedules = {
  readonly schedules: Schedules;
  /** What stands in the group, as Scheduler writes it: `rate(15 minutes) UTC ENABLED`. */
  found(syncId: string): Promise<string | undefined>;
  /** The next call is done, and its answer does not come. */
  loseNextAnswer(): void;
  close(): Promise<void>;
};

export function schedulesContract(name: string, open: () => Promise<OpenedSchedules>): void {
  const opened = open();
  after(async () => (await opened).close());

  test(`${name}: a schedule is made, in Scheduler's words`, async () => {
    const { schedules, found } = await opened;
    assert.equal(await found('none'), undefined);
    await schedules.put('quarter', { every: '15 minutes' }, true);
    await schedules.put('hourly', { every: '1 hour' }, true);
    await schedules.put('daily', { cron: '0 6 * * *', timezone: 'Europe/Paris' }, true);
    assert.equal(await found('quarter'), 'rate(15 minutes) UTC ENABLED');
    assert.equal(await found('hourly'), 'rate(1 hour) UTC ENABLED');
    assert.equal(await found('daily'), 'cron(0 6 * * ? *) Europe/Paris ENABLED');
  });

  test(`${name}: a put replaces the whole of it, and the same again changes nothing`, async () => {
    const { schedules, found } = await opened;
    await schedules.put('edited', { cron: '30 5 * * 1', timezone: 'Asia/Tokyo' }, false);
    assert.equal(await found('edited'), 'cron(30 5 ? * 2 *) Asia/Tokyo DISABLED');
    for (let turn = 0; turn < 2; turn += 1) {
      await schedules.put('edited', { every: '2 days' }, true);
      assert.equal(await found('edited'), 'rate(2 days) UTC ENABLED');
    }
  });

  test(`${name}: a removed schedule is gone, and so is one that never was`, async () => {
    const { schedules, found } = await opened;
    await schedules.put('gone', { every: '15 minutes' }, true);
    await schedules.put('stays', { every: '15 minutes' }, true);
    await schedules.remove('gone');
    await schedules.remove('gone');
    await schedules.remove('never');
    assert.equal(await found('gone'), undefined);
    assert.equal(await found('stays'), 'rate(15 minutes) UTC ENABLED');
  });

  test(`${name}: writers that meet leave one of their schedules, whole`, async () => {
    const { schedules, found } = await opened;
    const everys = ['5 minutes', '10 minutes', '20 minutes', '30 minutes'];
    const ended = await Promise.allSettled(everys.map((every) => schedules.put('met', { every }, true)));
    for (const one of ended) if (one.status === 'rejected') assert.equal(one.reason.kind, 'transient');
    const texts = everys.map((every) => `rate(${every}) UTC ENABLED`);
    assert.ok(texts.includes((await found('met')) ?? ''));
  });

  test(`${name}: what was done without an answer may be done again`, async () => {
    const { schedules, found, loseNextAnswer } = await opened;
    await schedules.put('lost', { every: '15 minutes' }, true);
    loseNextAnswer();
    await assert.rejects(schedules.put('lost', { every: '1 hour' }, false), {
      name: 'Fault',
      kind: 'transient',
    });
    assert.equal(await found('lost'), 'rate(1 hour) UTC DISABLED');
    await schedules.put('lost', { every: '1 hour' }, false);
    loseNextAnswer();
    await assert.rejects(schedules.remove('lost'), { kind: 'transient' });
    await schedules.remove('lost');
    assert.equal(await found('lost'), undefined);
  });
}
