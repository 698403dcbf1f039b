/**
 * Short statements that are waited for: the columns of a model, and what a check of the warehouse tries.
 */
import {
  BatchExecuteStatementCommand,
  CancelStatementCommand,
  DescribeStatementCommand,
  ExecuteStatementCommand,
  GetStatementResultCommand,
} from '@aws-sdk/client-redshift-data';
import { Fault } from '../core/fault.ts';
import type { Column } from '../core/stage.ts';
import { modelText } from '../warehouse/sql-tokens.ts';
import { redshiftCall, statementFault } from './redshift-calls.ts';
import { connectionOf, type RedshiftParts } from './redshift-connection.ts';

/** Longest wait of one Data API call. */
const WAIT_SECONDS = 30;
/** A paused Serverless workgroup takes tens of seconds to answer its first statement. */
const WAITS_MAX = 4;

/** The columns of a model, without reading a row. A `config` Fault (`model_refused`) when the SQL fails. */
export async function describeModel(parts: RedshiftParts, sql: string): Promise<readonly Column[]> {
  const command = new ExecuteStatementCommand({
    ...connectionOf(parts.settings),
    Sql: `select * from (\n${modelText(sql)}\n) as model where 1 = 0`,
    WaitTimeSeconds: WAIT_SECONDS,
  });
  const started = await redshiftCall('describing the model', () => parts.client.send(command));
  const id = await finished(parts, started, 'model_refused');
  const result = await redshiftCall('reading the columns of the model', () =>
    parts.client.send(new GetStatementResultCommand({ Id: id })),
  );
  return (result.ColumnMetadata ?? []).map(({ name = '', typeName = '' }) => ({ name, type: typeName }));
}

/** Runs statements in one transaction and waits for them. */
export async function runNow(parts: RedshiftParts, sqls: readonly string[]): Promise<void> {
  const command = new BatchExecuteStatementCommand({
    ...connectionOf(parts.settings),
    Sqls: [...sqls],
    WaitTimeSeconds: WAIT_SECONDS,
  });
  const started = await redshiftCall('running statements', () => parts.client.send(command));
  await finished(parts, started, 'statement_refused');
}

/** The only row of a short query as texts, and its statement. Waits by `DescribeStatement`, as a run does. */
export async function readRow(
  parts: RedshiftParts,
  sql: string,
): Promise<{ readonly statementId: string; readonly row: readonly (string | undefined)[] }> {
  const command = new ExecuteStatementCommand({ ...connectionOf(parts.settings), Sql: sql });
  const { Id } = await redshiftCall('running a query', () => parts.client.send(command));
  const statementId = await finished(parts, { Id }, 'statement_refused');
  const result = await redshiftCall('reading a result', () =>
    parts.client.send(new GetStatementResultCommand({ Id: statementId })),
  );
  return { statementId, row: (result.Records?.[0] ?? []).map((field) => field.stringValue) };
}

type Started = { readonly Id?: string | undefined; readonly Status?: string | undefined };

async function finished(parts: RedshiftParts, started: Started, code: string): Promise<string> {
  const { Id } = started;
  if (Id === undefined) throw new Fault('bug', 'no_statement_id', 'the Data API gave no statement id');
  if (started.Status === 'FINISHED') return Id;
  for (let wait = 0; wait < WAITS_MAX; wait += 1) {
    const { Status, Error: error } = await redshiftCall('waiting for a statement', () =>
      parts.client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: WAIT_SECONDS })),
    );
    if (Status === 'FINISHED') return Id;
    if (Status === 'FAILED' || Status === 'ABORTED') throw statementFault(code, error, 'model.sql');
  }
  await parts.client.send(new CancelStatementCommand({ Id })).catch(() => undefined);
  throw new Fault(
    'transient',
    'warehouse_slow',
    `a short statement took over ${WAIT_SECONDS * WAITS_MAX} seconds`,
  );
}
