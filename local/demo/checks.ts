/** What must hold at the end, each as one line that says what was compared. */
import type { DefinitionStatus } from '../../shared/ports.ts';
import { type Comparison, compare } from './compare.ts';
import { EXPECTATIONS, type Expectation } from './expected.ts';
import type { Changes, FirstRun } from './literals.ts';
import type { EndedRun } from './observe.ts';
import type { Check, ReportedRun } from './report.ts';
import { reportedRun } from './report.ts';
import type { World } from './world.ts';

/** The first run of each sync came to exactly its literals. */
export function checkFirstRuns(
  expected: Readonly<Record<string, FirstRun>>,
  runs: ReadonlyMap<string, EndedRun | undefined>,
): readonly Check[] {
  return Object.entries(expected).map(([syncId, literal]) => {
    const run = runs.get(syncId);
    return literalCheck(`first run of ${syncId}`, literal, run === undefined ? undefined : reportedRun(run));
  });
}

/** The runs after a change came together to exactly their literals. */
export function checkChanges(
  when: string,
  expected: Readonly<Record<string, Changes>>,
  runs: ReadonlyMap<string, readonly EndedRun[]>,
): readonly Check[] {
  return Object.entries(expected).map(([syncId, literal]) => {
    const told = (runs.get(syncId) ?? []).map(reportedRun);
    const names = Object.keys(literal) as (keyof Changes & keyof ReportedRun)[];
    const sums = Object.fromEntries(
      names.map((name) => [name, told.reduce((sum, run) => sum + run[name], 0)]),
    );
    return literalCheck(`runs of ${syncId} ${when}`, literal, sums);
  });
}

function literalCheck(
  name: string,
  literal: FirstRun | Changes,
  found: Readonly<Record<string, unknown>> | undefined,
): Check {
  const wrong = Object.entries(literal).filter(([key, value]) => found?.[key] !== value);
  if (wrong.length > 0) {
    const detail = wrong
      .map(([key, value]) => `${key} is ${String(found?.[key])}, should be ${value}`)
      .join('; ');
    return { name, ok: false, detail };
  }
  const counts = Object.entries(literal).filter(([, value]) => value > 0);
  return { name, ok: true, detail: counts.map(([key, value]) => `${value} ${key}`).join(', ') };
}

/** A refused definition says where, what and how to mend it, and what keeps running. */
export function checkRefused(what: string, status: DefinitionStatus | undefined, version: number): Check {
  const faults = status?.faults ?? [];
  const told = faults.every(({ code, message, remedy }) => code !== '' && message !== '' && remedy !== '');
  const ok = status?.state === 'refused' && status.version === version && faults.length > 0 && told;
  const runs = version === 0 ? 'nothing of it runs' : `version ${version} keeps running`;
  const places = faults
    .map(({ path, code }) => `${path} ${code}`)
    .slice(0, 2)
    .join(', ');
  return { name: `${what} is refused, ${runs}`, ok, detail: `${faults.length} faults: ${places}` };
}

export function checkReconciled(runs: readonly ReportedRun[]): Check {
  const wrong = runs.filter((run) => !run.reconciles || run.ended !== 'committed');
  return {
    name: 'every run committed, and every extracted row has exactly one outcome',
    ok: runs.length > 0 && wrong.length === 0,
    detail:
      wrong.length === 0
        ? `${runs.length} runs`
        : wrong.map(({ sync, epoch }) => `${sync} #${epoch}`).join(', '),
  };
}

/** Reads the destinations themselves and compares every field with what the models say. */
export async function checkDestinations(world: World): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const expectation of EXPECTATIONS) checks.push(await checkDestination(world, expectation));
  return checks;
}

async function checkDestination(world: World, expectation: Expectation): Promise<Check> {
  const { object, fields } = expectation;
  const held = object.includes('.')
    ? await world.database.records(expectation)
    : await sinkRecords(world, expectation);
  const result = await compare(expectation, held, await expectedRows(world, expectation));
  return {
    name: `${object} holds what the model of ${expectation.syncId} says`,
    ok: result.differences === 0 && result.compared > 0,
    detail: comparisonText(result, Object.keys(fields).length),
  };
}

function comparisonText({ compared, beyond, differences, examples }: Comparison, fields: number): string {
  if (differences > 0) return `${differences} differences: ${examples.join('; ')}`;
  const more = beyond === 0 ? '' : `, and ${beyond} whose row has left the model`;
  return `${compared} records of ${fields} fields compared${more}`;
}

async function sinkRecords({ sink }: World, { object, fields }: Expectation) {
  const [name = ''] = Object.keys(fields);
  const held = new Map<string, Readonly<Record<string, unknown>>>();
  for await (const record of sink.records(object)) held.set(String(record[name]), record);
  return held;
}

async function expectedRows({ stack }: World, { fields, sql }: Expectation): Promise<(string | null)[][]> {
  const names = Object.keys(fields);
  const columns = names.map((_, at) => `f${at}`);
  const rows = await stack.warehouse.sql(`SELECT * FROM (${sql}) AS expected(${columns.join(', ')})`);
  return rows.map((row) => columns.map((column) => (row[column] ?? null) as string | null));
}

/** The vendors' own view: the allowed rate was never passed, in any window. */
export async function checkTraffic({ sink, settings }: World): Promise<readonly Check[]> {
  const stats = await sink.stats();
  return (settings.accounts ?? [])
    .filter(({ destination }) => destination === 'http')
    .map(({ name, rate }) => {
      const { mostInWindow = 0, throttled = 0 } = stats[name] ?? {};
      return {
        name: `${name} saw at most ${rate.requests} requests in any ${rate.perMs} ms`,
        ok: mostInWindow > 0 && mostInWindow <= rate.requests && throttled === 0,
        detail: `${mostInWindow} at most, ${stats[name]?.requests ?? 0} in all`,
      };
    });
}
