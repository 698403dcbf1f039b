/**
 * The demonstration: fill a warehouse, write definitions, let schedules fire; change the warehouse, break a definition;
 * take a destination down and bring it back; then read the destinations themselves and compare. The same, made small, is
 * the end-to-end test.
 */
import type { SyncState } from '../../shared/core/run.ts';
import {
  checkChanges,
  checkDestinations,
  checkFirstRuns,
  checkReconciled,
  checkRefused,
  checkTraffic,
} from './checks.ts';
import { changeSql, companySql, outageSql } from './company.ts';
import {
  brokenEdit,
  definitionStatus,
  exampleDefinition,
  hasDefinition,
  SYNC_IDS,
  type Written,
  writeDefinition,
} from './definitions.ts';
import { readFailures } from './failures.ts';
import { LITERALS, type Literals } from './literals.ts';
import type { EndedRun } from './observe.ts';
import { type Glance, type Observer, observer } from './phases.ts';
import type { Progress } from './progress.ts';
import { type Check, type Report, reportedRun } from './report.ts';
import type { World } from './world.ts';

export type DemonstrationSettings = {
  /** A number that `literals.ts` knows. */
  readonly customers: number;
  readonly progress: Progress;
  /** A phase that takes longer has failed. */
  readonly phaseMs: number;
  /** In place of the definitions' own `every`, in minutes. */
  readonly everyMinutes?: number;
};

/** How long the vendor is away: long enough for its breaker to open. */
const OUTAGE_MS = 6000;

export async function demonstrate(world: World, settings: DemonstrationSettings): Promise<Report> {
  const startedAt = Date.now();
  const literals = LITERALS[settings.customers];
  if (literals === undefined) throw new Error(`no literals for ${settings.customers} customers`);
  const accounts = new Map(SYNC_IDS.map((id) => [id, exampleDefinition(id).destination.account]));
  const stage = { world, settings, literals, watch: observer(world, settings.progress, accounts) };
  await fill(stage);
  const checks = [await firstRuns(stage), await changedWarehouse(stage), await outage(stage)].flat();
  return report(stage, checks, startedAt);
}

type Stage = {
  readonly world: World;
  readonly settings: DemonstrationSettings;
  readonly literals: Literals;
  readonly watch: Observer;
};

async function fill({ world, settings: { customers, progress } }: Stage): Promise<void> {
  const startedAt = Date.now();
  await world.stack.warehouse.sql('CREATE SCHEMA IF NOT EXISTS tailrace');
  for (const statement of companySql(customers)) await world.stack.warehouse.sql(statement);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  progress.say(`filled the warehouse: ${customers.toLocaleString('en-US')} customers, in ${seconds} s`);
}

function definitionOf(syncId: string, { everyMinutes }: DemonstrationSettings): Written {
  const written = exampleDefinition(syncId);
  return everyMinutes === undefined
    ? written
    : { ...written, schedule: { every: `${everyMinutes} minutes` } };
}

/** Phase 1: definitions become items, items become schedules, schedules become runs. */
async function firstRuns({ world, settings, literals, watch }: Stage): Promise<readonly Check[]> {
  settings.progress.say(`writing ${SYNC_IDS.length} sync definitions to the definitions table`);
  for (const syncId of SYNC_IDS) await writeDefinition(world, syncId, definitionOf(syncId, settings));
  const { glance, over } = await watch.until(
    'first runs',
    ({ runs }) => SYNC_IDS.every((syncId) => committed(runs.get(syncId)).length > 0),
    settings.phaseMs,
  );
  return [
    phaseCheck('every sync has had its first run', over),
    ...checkFirstRuns(literals.first, firstOf(glance)),
  ];
}

/** Phase 2: the warehouse changes, and an author makes a mistake meanwhile. */
async function changedWarehouse({ world, settings, literals, watch }: Stage): Promise<readonly Check[]> {
  const before = await watch.glance();
  settings.progress.say('changing the warehouse: new, changed and deleted rows; breaking two definitions');
  await world.stack.warehouse.sql(changeSql(settings.customers).join(';\n'));
  const edited = 'daily-revenue-to-app';
  const good = definitionOf(edited, settings);
  await writeDefinition(world, 'broken', exampleDefinition('broken'));
  await writeDefinition(world, edited, brokenEdit(good));
  const { glance, over } = await watch.until(
    'second runs send what changed',
    (now) => reached(before, now, literals.change) && runsSince(before, now, edited).length > 0,
    settings.phaseMs,
  );
  const refused = [
    checkRefused('a definition that cannot work', await definitionStatus(world, 'broken'), 0),
    checkRefused('a broken edit', await definitionStatus(world, edited), 1),
  ];
  await writeDefinition(world, edited, good);
  return [
    phaseCheck('the second runs have sent what changed', over),
    ...checkChanges('after the change', literals.change, since(before, glance)),
    ...refused,
  ];
}

/** Phase 3: the CRM cuts every connection while rows are on their way to it, then comes back. */
async function outage({ world, settings, literals, watch }: Stage): Promise<readonly Check[]> {
  const before = await watch.glance();
  const { progress, phaseMs, customers } = settings;
  progress.say('the CRM goes down; meanwhile every tenth customer changes');
  await world.sink.outage('crm', true);
  await world.stack.warehouse.sql(outageSql(customers).join(';\n'));
  const hit = await watch.until('the CRM is down', (now) => isInterrupted(before, now), phaseMs);
  await watch.until('the CRM is down', () => false, OUTAGE_MS);
  progress.say('the CRM is back');
  await world.sink.outage('crm', false);
  const { glance, over } = await watch.until(
    'runs heal',
    (now) => reached(before, now, literals.outage),
    phaseMs,
  );
  return [
    phaseCheck('a run met the outage', hit.over),
    phaseCheck('the runs have healed after the outage', over),
    ...checkChanges('after the outage', literals.outage, since(before, glance)),
  ];
}

const isInterrupted = (before: Glance, { syncs }: Glance): boolean =>
  syncs.some(
    ({ syncId, epoch, phase }) =>
      syncId === 'customers-to-crm' && phase === 'loading' && epoch > lastEpoch(before, syncId),
  );

async function report({ world, watch }: Stage, checks: readonly Check[], startedAt: number): Promise<Report> {
  const { syncs, runs } = await watch.glance();
  const told = SYNC_IDS.flatMap((syncId) => (runs.get(syncId) ?? []).map(reportedRun));
  const failures = [];
  for (const sync of inOrder(syncs)) failures.push(...(await readFailures(world, sync)));
  const all = [
    ...checks,
    checkReconciled(told),
    ...(await checkDestinations(world)),
    ...(await checkTraffic(world)),
  ];
  const seconds = (Date.now() - startedAt) / 1000;
  return { ok: all.every(({ ok }) => ok), seconds, runs: told, failures, checks: all };
}

const inOrder = (syncs: readonly SyncState[]): readonly SyncState[] =>
  syncs.toSorted((a, b) => SYNC_IDS.indexOf(a.syncId) - SYNC_IDS.indexOf(b.syncId));

// ---------------------------------------------------------------- runs between two glances

const committed = (runs: readonly EndedRun[] | undefined): readonly EndedRun[] =>
  (runs ?? []).filter(({ result }) => result.ended === 'committed');
const lastEpoch = (glance: Glance, syncId: string): number => glance.runs.get(syncId)?.at(-1)?.epoch ?? 0;

function firstOf({ runs }: Glance): ReadonlyMap<string, EndedRun | undefined> {
  return new Map(SYNC_IDS.map((syncId) => [syncId, committed(runs.get(syncId))[0]]));
}

const runsSince = (before: Glance, now: Glance, syncId: string): readonly EndedRun[] =>
  committed(now.runs.get(syncId)).filter(({ epoch }) => epoch > lastEpoch(before, syncId));

const since = (before: Glance, now: Glance): ReadonlyMap<string, readonly EndedRun[]> =>
  new Map(SYNC_IDS.map((syncId) => [syncId, runsSince(before, now, syncId)]));

/** Every sync of the literals has sent at least what it must; whether it is exactly that is checked afterwards. */
function reached(before: Glance, now: Glance, expected: Literals['change']): boolean {
  return Object.entries(expected).every(([syncId, { accepted }]) => {
    const runs = runsSince(before, now, syncId);
    return runs.reduce((sum, { result }) => sum + (result.counts?.accepted ?? 0), 0) >= accepted;
  });
}

const phaseCheck = (name: string, ok: boolean): Check => ({
  name,
  ok,
  detail: ok ? '' : 'not within its time',
});

/** For a stack that was kept: whether it was filled before. */
export const isFilled = (world: World): Promise<boolean> => hasDefinition(world, SYNC_IDS[0] ?? '');
