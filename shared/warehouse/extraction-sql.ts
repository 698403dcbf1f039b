/**
 * One extraction: the ordered statements of one transaction, step 2 of docs/protocol.md. The results of interest
 * are the last statements, so that their places do not depend on what comes before.
 */
import { Fault } from '../core/fault.ts';
import { SQL_BYTES_MAX } from '../core/limits.ts';
import type { FailureRecord } from '../core/stage.ts';
import type { ExtractionRequest } from '../ports.ts';
import { countsSql } from './counts-sql.ts';
import { deltaSql } from './delta-sql.ts';
import { type FailureSource, failuresSql } from './failures-sql.ts';
import { type Plan, planOf, tablesOf } from './plan.ts';
import { seenSql } from './seen-sql.ts';
import { dirtySql, forwardSql, markerSql, tablesSql } from './snapshot-sql.ts';
import { PAGE_SLICES, pagesSql, type UnloadSettings, unloadSql } from './stage-sql.ts';

/** How rows leave the warehouse; by pages the last failure set comes along as records. */
export type ExtractionWay =
  | ({ readonly is: 'unload' } & UnloadSettings)
  | { readonly is: 'pages'; readonly failures: readonly FailureRecord[] };

export type ExtractionSql = {
  readonly sqls: readonly string[];
  /** Named parameters of the batch; each is used. */
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
};

/** Data API: statements of one batch. */
const STATEMENTS_MAX = 40;

/**
 * The statements of one epoch, for the engine's schema. `home` is what tells an environment from one of the same name that was
 * removed: its bucket. Throws `config` Faults for a model that does not fit its
 * definition and for a text over the Data API's limit.
 */
export function extractionStatements(
  request: ExtractionRequest,
  way: ExtractionWay,
  schema: string,
  home: string,
): ExtractionSql {
  const plan = planOf(request, schema);
  const sqls = [
    `set timezone to 'UTC'`,
    ...(plan.persisted ? [...tablesSql(plan), ...markerSql(plan, home)] : []),
    ...failuresSql(failureSource(request, way)),
    ...(plan.persisted ? [...forwardSql(plan), dirtySql(plan)] : []),
    ...seenSql(plan),
    ...deltaSql(plan),
    ...(way.is === 'unload' ? unloadSql(plan, way) : pagesSql(plan)),
    countsSql(plan),
  ];
  checkSizes(sqls);
  return { sqls, parameters: parametersOf(plan) };
}

/** Places of the results among `total` statements, counted from 1 as the Data API's sub-statements are. */
export function resultPlaces(total: number): { counts: number; carried: number; slices: readonly number[] } {
  const first = total - 1 - PAGE_SLICES;
  return {
    counts: total,
    carried: total - 1,
    slices: Array.from({ length: PAGE_SLICES }, (_, index) => first + index),
  };
}

/** Drops what the engine keeps for a sync. */
export function forgetStatements(schema: string, syncId: string): readonly string[] {
  return Object.values(tablesOf(schema, syncId)).map((table) => `drop table if exists ${table}`);
}

function failureSource(request: ExtractionRequest, way: ExtractionWay): FailureSource {
  const { failures } = request;
  if (failures === null || failures.count === 0) return { is: 'none' };
  if (way.is === 'pages') return { is: 'records', records: way.failures, count: failures.count };
  const url = failures.manifest.startsWith('s3://')
    ? failures.manifest
    : `s3://${way.bucket}/${failures.manifest}`;
  return { is: 'manifest', url, role: way.role, count: failures.count };
}

function parametersOf(plan: Plan): ExtractionSql['parameters'] {
  const { watermark } = plan.request;
  if (plan.by !== 'cursor' || watermark === null) return [];
  if (watermark === '') throw new Fault('bug', 'empty_watermark', 'a watermark is a timestamp or null');
  return [{ name: 'watermark', value: watermark }];
}

function checkSizes(sqls: readonly string[]): void {
  const bytes = Math.max(...sqls.map((sql) => Buffer.byteLength(sql)));
  if (bytes > SQL_BYTES_MAX) {
    throw new Fault(
      'config',
      'sql_too_long',
      `the extraction's SQL has ${bytes} bytes, at most ${SQL_BYTES_MAX}`,
      {
        path: 'model.sql',
        remedy: 'Make a view of the model, or map fewer columns.',
      },
    );
  }
  if (sqls.length > STATEMENTS_MAX) {
    throw new Fault(
      'bug',
      'too_many_statements',
      `${sqls.length} statements, a batch takes ${STATEMENTS_MAX}`,
    );
  }
}
