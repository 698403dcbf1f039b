/**
 * The warehouse port over the Redshift Data API. Every function that touches a statement must do so under one role;
 * nothing here waits for an extraction, the finish event or the sweep brings the run on.
 */
import {
  BatchExecuteStatementCommand,
  CancelStatementCommand,
  DescribeStatementCommand,
  type DescribeStatementCommandOutput,
  GetStatementResultCommand,
} from '@aws-sdk/client-redshift-data';
import { Fault } from '../core/fault.ts';
import { statementName } from '../core/names.ts';
import type { ExtractionCounts } from '../core/stage.ts';
import type { ExtractionRequest, StatementStatus, Warehouse } from '../ports.ts';
import { readCounts } from '../warehouse/counts-sql.ts';
import { type ExtractionWay, extractionStatements, resultPlaces } from '../warehouse/extraction-sql.ts';
import { nameOf } from './aws-fault.ts';
import { redshiftCall, withoutValues } from './redshift-calls.ts';
import { clientToken, connectionOf, type RedshiftParts } from './redshift-connection.ts';
import { describeModel } from './redshift-describe.ts';
import { readFailures } from './redshift-failures.ts';
import { forgetSync } from './redshift-forget.ts';
import { stagePages } from './redshift-pages.ts';
import { unloadedStage } from './redshift-unloads.ts';

/** The port; methods throw Faults only (`redshiftCall` says which). */
export function redshiftWarehouse(parts: RedshiftParts): Warehouse {
  const { settings } = parts;
  return {
    describe: (sql) => describeModel(parts, sql),
    submit: (request) => submit(parts, request),
    status: (statementId) => statusOf(parts, statementId),
    counts: (statementId, request) => countsOf(parts, statementId, request),
    async stage(statementId, request, counts, signal) {
      if (settings.extraction === 'unload') return unloadedStage(parts.objects, request, counts);
      const total = (await described(parts, statementId)).SubStatements?.length ?? 0;
      return stagePages(parts, { statementId, places: resultPlaces(total), request, counts, signal });
    },
    cancel: (statementId) => cancel(parts, statementId),
    forget: (syncId, epoch) => forgetSync(parts, syncId, epoch),
  };
}

async function submit(parts: RedshiftParts, request: ExtractionRequest): Promise<{ statementId: string }> {
  const { client, objects, settings } = parts;
  const way = await wayOf(parts, request);
  const { sqls, parameters } = extractionStatements(request, way, settings.schema, objects.url(''));
  const name = statementName(settings.environment, request.definition.sync.syncId, request.epoch);
  const command = new BatchExecuteStatementCommand({
    ...connectionOf(settings),
    Sqls: [...sqls],
    ...(parameters.length === 0 ? {} : { Parameters: parameters.map((parameter) => ({ ...parameter })) }),
    StatementName: name,
    ClientToken: clientToken(parts, name),
    WithEvent: true,
  });
  const { Id } = await redshiftCall('starting an extraction', () => client.send(command));
  if (Id === undefined) throw new Fault('bug', 'no_statement_id', 'the Data API gave no statement id');
  return { statementId: Id };
}

async function wayOf(
  { objects, settings }: RedshiftParts,
  request: ExtractionRequest,
): Promise<ExtractionWay> {
  if (settings.extraction === 'pages') {
    return { is: 'pages', failures: await readFailures(objects, request.failures) };
  }
  const { unloadRole: role, stageKey: kmsKeyId } = settings;
  if (role === undefined || kmsKeyId === undefined) {
    throw new Fault('config', 'no_unload_role', 'UNLOAD needs a role and a key', {
      remedy: "Set the environment's unload role, or take extraction by pages.",
    });
  }
  return { is: 'unload', role, kmsKeyId, bucket: objects.url('').replace(/^s3:\/\/|\/$/g, '') };
}

const STATES: Readonly<Record<string, StatementStatus['state']>> = {
  SUBMITTED: 'running',
  PICKED: 'running',
  STARTED: 'running',
  FINISHED: 'finished',
  FAILED: 'failed',
  ABORTED: 'aborted',
};
/** Words by which the extraction's own assertions fail the transaction. */
const ASSERTIONS = ['failure_set_mismatch', 'slice_over_limit', 'run_superseded'] as const;

async function statusOf(parts: RedshiftParts, statementId: string): Promise<StatementStatus> {
  try {
    const { Status = '', Error: error } = await described(parts, statementId);
    const state = STATES[Status] ?? 'unknown';
    if (state !== 'failed' && state !== 'aborted') return { state };
    const code = ASSERTIONS.find((word) => error?.includes(word)) ?? `statement_${state}`;
    return { state, code, reason: withoutValues(error ?? '') };
  } catch (error) {
    if (error instanceof Fault && nameOf(error.cause) === 'ResourceNotFoundException')
      return { state: 'unknown' };
    throw error;
  }
}

function described({ client }: RedshiftParts, Id: string): Promise<DescribeStatementCommandOutput> {
  return redshiftCall('describing a statement', () => client.send(new DescribeStatementCommand({ Id })));
}

async function countsOf(
  parts: RedshiftParts,
  statementId: string,
  request: ExtractionRequest,
): Promise<ExtractionCounts> {
  const total = (await described(parts, statementId)).SubStatements?.length ?? 0;
  const command = new GetStatementResultCommand({ Id: `${statementId}:${resultPlaces(total).counts}` });
  const result = await redshiftCall('reading the counts', () => parts.client.send(command));
  const [row] = result.Records ?? [];
  if (row === undefined) throw new Fault('bug', 'bad_counts', 'the extraction gave no counts');
  const names = (result.ColumnMetadata ?? []).map((column) => column.name ?? '');
  const values = Object.fromEntries(names.map((name, index) => [name, row[index]?.stringValue ?? null]));
  const checks = request.definition.sync.checks.filter((check) => check.otherwise === 'hold');
  return readCounts(
    values,
    checks.map((check) => check.name),
  );
}

const ENDED: ReadonlySet<string> = new Set(['ValidationException', 'ResourceNotFoundException']);

/** A statement that has ended, or is gone, needs no cancelling. */
async function cancel({ client }: RedshiftParts, Id: string): Promise<void> {
  try {
    await redshiftCall('cancelling a statement', () => client.send(new CancelStatementCommand({ Id })));
  } catch (error) {
    if (!(error instanceof Fault) || !ENDED.has(nameOf(error.cause))) throw error;
  }
}
