/**
 * What must hold when everything is at rest. The vendor is asked itself, every record and every field is compared, and
 * nothing of the engine's code has a say in what is expected.
 */
import { type EndedRun, endedRuns, readSyncs } from '../demo/observe.ts';
import type { Check } from '../demo/report.ts';
import { parkedKeys } from './failure-keys.ts';
import type { Field } from './field.ts';
import { leftovers } from './leftovers.ts';
import { type Held, type Row, TABLES, type TableName } from './model.ts';
import type { SinkRecord } from './sink-process.ts';

/** Runs by how they ended. */
export type RunTally = Record<EndedRun['result']['ended'], number>;

export async function check(
  field: Field,
): Promise<{ readonly checks: readonly Check[]; readonly runs: RunTally }> {
  const runs: EndedRun[] = [];
  for (const { syncId } of await readSyncs(field.state)) runs.push(...(await endedRuns(field.state, syncId)));
  const { older, deletes, rows } = await field.sink.stats();
  const checks = [
    holds('the destination holds what the model says', await differencesOf(field), await comparedText(field)),
    holds('the warehouse holds every edit that it acknowledged', await lostEdits(field), ''),
    holds('every run reconciles', unreconciled(runs), `${runs.length} runs`),
    holds('no value was overwritten by an older one', older, `${rows} rows, ${deletes} of them deletes`),
    holds('nothing is left over: no run, no lock, no message, no process', await leftovers(field), ''),
    holds('a record that the vendor forgets is noticed', await unnoticed(field), ''),
  ];
  const tally: RunTally = { committed: 0, fenced: 0, discarded: 0, failed: 0 };
  for (const { result } of runs) tally[result.ended] += 1;
  return { checks, runs: tally };
}

const TOLD_MAX = 5;

function holds(name: string, wrong: readonly string[], detail: string): Check {
  if (wrong.length === 0) return { name, ok: true, detail };
  return { name, ok: false, detail: `${wrong.length} times: ${wrong.slice(0, TOLD_MAX).join('; ')}` };
}

async function comparedText({ model }: Field): Promise<string> {
  const counts = TABLES.map((table) => `${model.expected(table).size} ${table}`);
  return `${counts.join(', ')}, four fields each`;
}

/** Extracted = accepted + rejected + invalid + skipped + dead, in every run that committed. */
export function unreconciled(runs: readonly EndedRun[]): readonly string[] {
  return runs
    .filter(({ result }) => result.ended === 'committed')
    .flatMap(({ syncId, epoch, result: { counts, extraction } }) => {
      if (counts === undefined || extraction === undefined)
        return [`run ${epoch} of ${syncId} has no counts`];
      const { accepted, rejected, invalid, skipped, dead } = counts;
      const sum = accepted + rejected + invalid + skipped + dead;
      return sum === extraction.extracted && sum === counts.rows
        ? []
        : [`run ${epoch} of ${syncId}: ${extraction.extracted} extracted, ${sum} with an outcome`];
    });
}

/** The last check is of the checks: the vendor is made to lose one record, and exactly that must be found. */
async function unnoticed(field: Field): Promise<readonly string[]> {
  const before = new Set(await differencesOf(field));
  const id = await field.sink.forget('people');
  const found = (await differencesOf(field)).filter((one) => !before.has(one));
  return found.length === 1 && found[0] === `people ${id} is missing`
    ? []
    : [`found ${found.join('; ') || 'nothing'}`];
}

// ---------------------------------------------------------------- destination and model

export async function differencesOf(field: Field): Promise<readonly string[]> {
  const all: string[] = [];
  for (const table of TABLES) {
    const records = await field.sink.records(table);
    const { expected } = field.model;
    all.push(
      ...(table === 'entries'
        ? await entryDifferences(field, records)
        : compare(table, expected(table), records)),
    );
  }
  return all;
}

/** A mirror: exactly the expected records. In an upsert nothing is ever removed, and the model removes nothing there. */
export function compare(
  table: TableName,
  expected: ReadonlyMap<number, Held>,
  records: readonly SinkRecord[],
): readonly string[] {
  const left = new Map<number, Held>(expected);
  const wrong: string[] = [];
  for (const { fields } of records) {
    const id = Number(fields.id);
    const should = left.get(id);
    left.delete(id);
    if (should === undefined) wrong.push(`${table} ${id} should not be there`);
    else wrong.push(...wrongFields(should, fields).map((name) => `${table} ${id}: ${name} differs`));
  }
  return [...wrong, ...[...left.keys()].map((id) => `${table} ${id} is missing`)];
}

function wrongFields(should: Held, fields: Readonly<Record<string, unknown>>): readonly string[] {
  const names = new Set([...Object.keys(should), ...Object.keys(fields)]);
  return [...names].filter((name) => fields[name] !== (should as Readonly<Record<string, unknown>>)[name]);
}

/**
 * Class C: a call whose answer was lost is parked, so its rows may be there or not, but they are recorded as parked; all
 * others are there. A run that was abandoned may have sent what the next one sends again; nothing else comes twice.
 */
async function entryDifferences(field: Field, records: readonly SinkRecord[]): Promise<readonly string[]> {
  const parked = await parkedKeys(field, 'entries');
  const expected = new Map(field.model.expected('entries'));
  const seen = new Set(records.map(({ fields }) => Number(fields.id)));
  for (const id of parked) if (!seen.has(id)) expected.delete(id);
  const runs = await endedRuns(field.state, 'entries');
  const timesMax = 1 + runs.filter(({ result }) => result.ended === 'fenced').length;
  const twice = records
    .filter(({ times }) => times > timesMax)
    .map(
      ({ fields, times }) =>
        `entries ${Number(fields.id)} was taken ${times} times, in ${timesMax - 1} abandoned runs`,
    );
  return [...compare('entries', expected, records), ...twice];
}

async function lostEdits({ services, model }: Field): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const table of TABLES) {
    const rows = await services.sql(
      `SELECT id::INT AS id, name, (amount * 100)::INT AS amount, version::INT AS version FROM shop.${table}`,
    );
    const left = new Map<number, Row>(model.tables[table]);
    for (const row of rows as unknown as readonly Row[]) {
      if (JSON.stringify(left.get(row.id)) !== JSON.stringify(row)) wrong.push(`${table} ${row.id} differs`);
      left.delete(row.id);
    }
    wrong.push(...[...left.keys()].map((id) => `${table} ${id} is missing`));
  }
  return wrong;
}
