/**
 * After the chaos: faults have stopped and everything must come to rest by itself, without anybody's help. Two steps: the
 * destination becomes the model while schedules go on; then the schedules are as good as taken away, and nothing may
 * be left over.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { dynamoDefinitions } from '../../shared/aws/dynamo-definitions.ts';
import type { SyncState } from '../../shared/core/run.ts';
import { readSyncs } from '../demo/observe.ts';
import { differencesOf } from './checks.ts';
import type { Field } from './field.ts';
import { definitions } from './stage.ts';

/** Every `LOOK_MS`; at rest is what looks so this often in a row. */
const LOOK_MS = 400;
const LOOKS = 4;
/** No tick before everything is over. */
const NEVER = '365 days';

/** The first thing that does not come to pass in its time, in words; undefined when all is at rest. Each step may last `waitMs`. */
export async function comeToRest(field: Field, waitMs: number): Promise<string | undefined> {
  const agrees = await repeated(field, Date.now() + waitMs, 1, async () => (await differencesOf(field))[0]);
  field.history.note(agrees === undefined ? 'the destination holds what the model says' : agrees);
  await field.define(NEVER);
  const rest = await repeated(field, Date.now() + waitMs, LOOKS, () => unrest(field));
  field.history.note(rest === undefined ? 'everything is at rest' : rest);
  return agrees ?? rest;
}

/** Looks until `wrong` is undefined `times` times in a row, or the time is up; gives what is wrong then. */
async function repeated(
  { history }: Field,
  until: number,
  times: number,
  wrong: () => Promise<string | undefined>,
): Promise<string | undefined> {
  let said: string | undefined;
  for (let good = 0; ; ) {
    const now = await wrong();
    if (now !== undefined && now !== said) history.note(`not yet: ${now}`);
    said = now;
    good = now === undefined ? good + 1 : 0;
    if (good >= times) return undefined;
    if (Date.now() > until) return now ?? 'it did not stay at rest';
    await sleep(LOOK_MS);
  }
}

async function unrest({ state, dynamodb, services }: Field): Promise<string | undefined> {
  const syncs = await readSyncs(state);
  const active = syncs.map(unrestOf).find((text) => text !== undefined);
  if (active !== undefined) return active;
  const { DefinitionsTable = '', StateTable = '' } = services.outputs;
  const store = dynamoDefinitions(dynamodb, { definitions: DefinitionsTable, state: StateTable });
  for (const { syncId } of definitions(NEVER)) {
    const accepted = await store.accepted(syncId);
    if (JSON.stringify(accepted?.sync.schedule) !== JSON.stringify({ every: NEVER }))
      return `the new schedule of ${syncId} is not accepted yet`;
  }
  const pending = await services.pending();
  return pending === 0 ? undefined : `${pending} messages, events or stream records are waiting`;
}

function unrestOf({ syncId, phase, epoch, wanted, lastScheduled, paused }: SyncState): string | undefined {
  if (paused !== undefined) return `${syncId} is paused: ${paused.code}`;
  if (phase !== 'idle') return `run ${epoch} of ${syncId} is ${phase}`;
  return wanted > lastScheduled ? `a run of ${syncId} is wanted` : undefined;
}
