/**
 * Chaos with real processes: the synthesized stage on the local stack, its execution environments and its services in
 * processes that are killed and paused, a vendor behind a proxy that breaks its answers, a model that changes meanwhile.
 * Then all of that stops, everything has to come to rest, and the vendor has to hold what the model says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Check } from '../demo/report.ts';
import { check, type RunTally } from './checks.ts';
import { type Field, openField } from './field.ts';
import { startHistory } from './history.ts';
import { makePlan, type PlanSettings } from './plan.ts';
import type { ProxyFault } from './proxy.ts';
import { comeToRest } from './rest.ts';
import { seededRandom } from './seeded.ts';
import { ServicesGone } from './services-process.ts';
import { LEASE_MS } from './stage.ts';
import { carryOut, type Struck } from './strikes.ts';
import { type Suspected, unsuspected } from './suspicions.ts';

export type ChaosSettings = Omit<PlanSettings, 'leaseMs'> & {
  readonly seed: number;
  readonly dataDir: string;
  /** Rows of each table at first. */
  readonly rows: number;
  /** Share of the vendor's requests that meet each fault. */
  readonly faults: Partial<Record<ProxyFault, number>>;
  /** How long everything may take to come to rest. */
  readonly restMs: number;
  /** The vendor loses every so many rows in silence: the chaos must then fail. */
  readonly loseEvery?: number;
  /** Told of each thing that happens, as a line. */
  readonly told: (line: string) => void;
};

export type ChaosReport = {
  readonly ok: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly struck: Struck;
  /** Crashes that loaders have suspected: what is there for killed loaders was at work. */
  readonly suspected: Suspected;
  /** Requests that the vendor's proxy saw, and what it did to them. */
  readonly requests: number;
  readonly faults: Readonly<Record<ProxyFault, number>>;
  readonly edits: number;
  readonly runs: RunTally;
  readonly checks: readonly Check[];
  /** The last things that happened, when something does not hold. */
  readonly events: readonly string[];
};

/** What goes wrong on a bad day of a vendor, all day. */
export const FAULT_SHARES: Readonly<Record<ProxyFault, number>> = {
  refused: 0.03,
  lost: 0.05,
  truncated: 0.03,
  late: 0.03,
  slow: 0.1,
  lingering: 0.04,
};

export async function runChaos(settings: ChaosSettings): Promise<ChaosReport> {
  const startedAt = Date.now();
  const { seed, dataDir, rows, faults, loseEvery } = settings;
  const random = seededRandom(seed);
  const history = startHistory(settings.told);
  const plan = makePlan(random.fork(), { ...settings, leaseMs: LEASE_MS });
  const field = await openField(random.fork(), history, { dataDir, rows, faults, loseEvery });
  try {
    await begin(field);
    const edits = startEdits(field);
    const struck = await carryOut({ ...field, random: random.fork() }, plan);
    field.proxy.calm();
    const edited = await edits.stop();
    history.note(`the faults have stopped, after ${edited} edits`);
    const unrest = await comeToRest(field, settings.restMs);
    const { checks: found, runs } = await check(field);
    const checks = [
      { name: 'everything comes to rest by itself', ok: unrest === undefined, detail: unrest ?? '' },
      ...found,
      ...unsuspected(struck.kills.inCall, field.services.suspected),
    ];
    const ok = checks.every((one) => one.ok);
    const { requests, faults: met } = field.proxy;
    const seconds = (Date.now() - startedAt) / 1000;
    return {
      ok,
      seed,
      seconds,
      struck,
      suspected: { ...field.services.suspected },
      requests,
      faults: { ...met },
      edits: edited,
      runs,
      checks,
      events: ok ? [] : history.last(EVENTS_TOLD),
    };
  } finally {
    await field.stop();
  }
}

const EVENTS_TOLD = 40;

/** While the chaos lasts a sync runs every six seconds of real time. */
const OFTEN = '2 minutes';

async function begin(field: Field): Promise<void> {
  await field.services.sql(field.model.createSql);
  await field.define(OFTEN);
  field.history.note('the model is there, the definitions are written');
}

/** Between two edits of the model. */
const EDIT_GAP_MS = [200, 1200] as const;

/** After so many edits of the model, one of the definitions. */
const EDITS_PER_DEFINITION = 12;

/** Edits go on until they are stopped; the last one is acknowledged then. */
function startEdits(field: Field): { stop(): Promise<number> } {
  const { services, model, random } = field;
  const gaps = random.fork();
  let isOn = true;
  let edits = 0;
  const done = (async () => {
    while (isOn) {
      await acknowledged(services, model.edit());
      edits += 1;
      // Written while the services are dead, it is not written: the next one will do.
      if (edits % EDITS_PER_DEFINITION === 0)
        await field.define(OFTEN, `as of edit ${edits}`).catch(() => undefined);
      await sleep(gaps.between(...EDIT_GAP_MS));
    }
    return edits;
  })();
  return {
    stop() {
      isOn = false;
      return done;
    },
  };
}

const RETRY_MS = 100;

/** An edit whose answer never came may have been made or not: it is made again. */
async function acknowledged(services: Field['services'], sql: string): Promise<void> {
  for (;;) {
    try {
      await services.sql(sql);
      return;
    } catch (error) {
      if (!(error instanceof ServicesGone)) throw error;
      await sleep(RETRY_MS);
    }
  }
}
