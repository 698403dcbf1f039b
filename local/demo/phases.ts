/**
 * The phases of the demonstration and how each is known to be over: by reading the state table until every sync has sent
 * what it had to. Nothing here starts a run; the schedules do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SyncState } from '../../shared/core/run.ts';
import { type EndedRun, endedRuns, readSyncs, type Watched, watchRun } from './observe.ts';
import type { Progress, ProgressLine } from './progress.ts';
import type { World } from './world.ts';

/** Between two looks at the state: often enough for an eye, seldom enough for two cores. */
const LOOK_MS = 500;

/** What is known of every sync of the demonstration at one moment. */
export type Glance = {
  readonly syncs: readonly SyncState[];
  readonly runs: ReadonlyMap<string, readonly EndedRun[]>;
};

export type Observer = {
  /**
   * Looks and draws until `over` says so or the time is up; gives the last glance and whether it was over.
   */
  until(
    note: string,
    over: (glance: Glance) => boolean,
    waitMs: number,
  ): Promise<{ readonly glance: Glance; readonly over: boolean }>;
  glance(): Promise<Glance>;
};

/** @param accountOf the destination account of each sync of the demonstration, in the order of the lines */
export function observer(world: World, progress: Progress, accountOf: ReadonlyMap<string, string>): Observer {
  const look = liveLines(world, accountOf);
  const readRuns = runReader(world);
  const glance = async (): Promise<Glance> => {
    const syncs = (await readSyncs(world.state)).filter(({ syncId }) => accountOf.has(syncId));
    const runs = new Map<string, readonly EndedRun[]>();
    for (const sync of syncs) runs.set(sync.syncId, await readRuns(sync));
    return { syncs, runs };
  };
  return {
    glance,
    async until(note, over, waitMs) {
      const startedAt = Date.now();
      for (;;) {
        const seen = await glance();
        const seconds = Math.round((Date.now() - startedAt) / 1000);
        progress.show(`${note} · ${seconds} s`, await look(seen.syncs));
        if (over(seen)) return { glance: seen, over: true };
        if (Date.now() - startedAt > waitMs) return { glance: seen, over: false };
        await sleep(LOOK_MS);
      }
    },
  };
}

/** The ended runs of a sync, read again only when another run may have ended: watching must not cost more than running. */
function runReader(world: World): (sync: SyncState) => Promise<readonly EndedRun[]> {
  const known = new Map<string, readonly EndedRun[]>();
  return async ({ syncId, epoch, phase }) => {
    const before = known.get(syncId) ?? [];
    const last = before.at(-1)?.epoch ?? 0;
    if (last === epoch || (phase !== 'idle' && last === epoch - 1)) return before;
    const runs = await endedRuns(world.state, syncId);
    known.set(syncId, runs);
    return runs;
  };
}

type Traffic = { readonly requests: number; readonly retries: number };

/** Lines with what has to be measured between two looks: rows and requests per second. */
function liveLines(world: World, accountOf: ReadonlyMap<string, string>) {
  let before = { at: Date.now(), rows: new Map<string, number>(), traffic: new Map<string, Traffic>() };
  return async (syncs: readonly SyncState[]): Promise<readonly ProgressLine[]> => {
    const watched = new Map<string, Watched>();
    for (const sync of syncs) watched.set(sync.syncId, await watchRun(world.state, sync));
    const traffic = await trafficOf(world);
    const now = { at: Date.now(), rows: rowsOf(watched), traffic };
    const seconds = Math.max(0.001, (now.at - before.at) / 1000);
    const lines = [...accountOf].map(([syncId, account]) => {
      const run = watched.get(syncId) ?? waiting(syncId);
      const rows = (now.rows.get(runName(run)) ?? 0) - (before.rows.get(runName(run)) ?? 0);
      return {
        ...run,
        account,
        rowsPerSecond: rows / seconds,
        ...rateOf(world, account, before.traffic, traffic, seconds),
      };
    });
    before = now;
    return lines;
  };
}

const runName = ({ syncId, epoch }: Watched): string => `${syncId}#${epoch}`;
const rowsOf = (watched: ReadonlyMap<string, Watched>): Map<string, number> =>
  new Map([...watched.values()].map((run) => [runName(run), run.counts.rows]));

const waiting = (syncId: string): Watched => ({
  syncId,
  epoch: 0,
  phase: 'idle',
  extracted: undefined,
  counts: { rows: 0, accepted: 0, rejected: 0, invalid: 0, skipped: 0, dead: 0 },
  interrupted: 0,
});

function rateOf(
  { settings }: World,
  account: string,
  before: ReadonlyMap<string, Traffic>,
  now: ReadonlyMap<string, Traffic>,
  seconds: number,
): Pick<ProgressLine, 'rateUsed' | 'rateAllowed' | 'retries'> {
  const rate = settings.accounts?.find(({ name }) => name === account)?.rate ?? { requests: 1, perMs: 1000 };
  const perSecond = (1000 * rate.requests) / rate.perMs;
  const requests = (now.get(account)?.requests ?? 0) - (before.get(account)?.requests ?? 0);
  const rateUsed = Math.max(0, requests) / seconds / perSecond;
  return { rateUsed, rateAllowed: `${perSecond}/s`, retries: now.get(account)?.retries ?? 0 };
}

/** Requests as each destination itself counts them. */
async function trafficOf({ sink, database }: World): Promise<Map<string, Traffic>> {
  const traffic = new Map<string, Traffic>();
  for (const [account, { requests, throttled, cut }] of Object.entries(await sink.stats())) {
    traffic.set(account, { requests, retries: throttled + cut });
  }
  const { done, failed } = await database.requests();
  traffic.set('app-database', { requests: done + failed, retries: failed });
  return traffic;
}
