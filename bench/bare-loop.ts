/**
 * The least that could move these rows: stream them from the same engine, map them, POST 200 at a time with eight
 * requests in flight. No state, no retry, no proof. The whole stack is measured against it.
 *
 * A process of its own, like each party of the figures: `bare-loop.ts <rows> <sink url>`; it fills its table, waits
 * for `go` and answers with the milliseconds from the first row asked for to the last answer.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { Pool } from 'undici';
import { PEOPLE_MODEL, peopleSql } from './people.ts';

const REQUEST_ROWS = 200;
const IN_FLIGHT = 8;

const [rows = '0', sink = ''] = process.argv.slice(2);
const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
for (const statement of peopleSql(Number(rows))) await connection.run(statement);

process.once('message', () => {
  void loop(sink).then((elapsedMs) => {
    process.send?.({ elapsedMs });
    process.disconnect();
  });
});
process.send?.({ ready: true });

async function loop(url: string): Promise<number> {
  const startedAt = performance.now();
  const pool = new Pool(url, { connections: IN_FLIGHT });
  const underWay = new Set<Promise<void>>();
  for await (const body of requestBodies()) {
    const sent = post(pool, body).finally(() => underWay.delete(sent));
    underWay.add(sent);
    if (underWay.size >= IN_FLIGHT) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  await pool.close();
  return performance.now() - startedAt;
}

/** Bodies of 200 rows each, as the `http` destination writes them. */
async function* requestBodies(): AsyncIterable<string> {
  const result = await connection.stream(`
    SELECT CAST(person_id AS VARCHAR), email, full_name, CAST(score AS VARCHAR), active,
      epoch_ms(seen_at) FROM (${PEOPLE_MODEL})`);
  let body: object[] = [];
  for (
    let chunk = await result.fetchChunk();
    chunk && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    for (const row of chunk.getRows()) {
      body.push(mapped(row));
      if (body.length < REQUEST_ROWS) continue;
      yield JSON.stringify({ rows: body });
      body = [];
    }
  }
  if (body.length > 0) yield JSON.stringify({ rows: body });
}

function mapped([id, email, name, score, active, seenMs]: readonly unknown[]): object {
  return {
    key: id,
    person_id: JSON.rawJSON(String(id)),
    email: String(email).trim().toLowerCase(),
    full_name: name,
    score: JSON.rawJSON(String(score)),
    active,
    seen_at: new Date(Number(seenMs)).toISOString(),
  };
}

async function post(pool: Pool, body: string): Promise<void> {
  const answer = await pool.request({
    method: 'POST',
    path: '/people',
    headers: { 'content-type': 'application/json' },
    body,
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`the sink answered ${answer.statusCode}`);
}
