/**
 * The probe port over the Redshift Data API, under the role and on the connection that runs use. It leaves one small
 * object and its manifest in the staging bucket for each `unload`, and nothing in the warehouse.
 */
import { CancelStatementCommand } from '@aws-sdk/client-redshift-data';
import { Fault } from '../core/fault.ts';
import { probePrefix } from '../core/names.ts';
import { readUnloadManifest } from '../core/stage.ts';
import type { WarehouseProbe } from '../ports.ts';
import {
  copySql,
  engineSchemaSql,
  IDENTITY_SQL,
  TEMPORARY_TABLE_SQL,
  unloadSql,
} from '../warehouse/check-sql.ts';
import type { UnloadSettings } from '../warehouse/stage-sql.ts';
import { redshiftCall } from './redshift-calls.ts';
import type { RedshiftParts } from './redshift-connection.ts';
import { readRow, runNow } from './redshift-describe.ts';
import { counted } from './redshift-unloads.ts';

/** The port; methods throw Faults only. */
export function redshiftProbe(parts: RedshiftParts): WarehouseProbe {
  const { schema } = parts.settings;
  return {
    identity: () => identity(parts),
    temporaryTables: () => runNow(parts, TEMPORARY_TABLE_SQL),
    engineSchema: (probeId) => runNow(parts, engineSchemaSql(schema, probeId)),
    unload: (probeId) => unload(parts, probePrefix(probeId)),
    copy: async (probeId) => {
      const way = wayOf(parts);
      if (way !== undefined) await runNow(parts, copySql(way, probePrefix(probeId)));
    },
  };
}

async function identity(parts: RedshiftParts): Promise<{ user: string; statementTimeoutMs: number }> {
  const { statementId, row } = await readRow(parts, IDENTITY_SQL);
  await mayCancel(parts, statementId);
  const [user = '', cutOff = ''] = row;
  return { user, statementTimeoutMs: Number.parseInt(cutOff, 10) || 0 };
}

/** The statement has ended, so nothing is cancelled; what counts is that the role may ask. */
async function mayCancel({ client }: RedshiftParts, Id: string): Promise<void> {
  try {
    await redshiftCall('cancelling a statement', () => client.send(new CancelStatementCommand({ Id })));
  } catch (error) {
    if (error instanceof Fault && error.code === 'aws_access_denied') throw error;
  }
}

async function unload(parts: RedshiftParts, prefix: string): Promise<boolean> {
  const way = wayOf(parts);
  if (way === undefined) return false;
  await runNow(parts, unloadSql(way, prefix));
  const text = await parts.objects.get(`${prefix}manifest`);
  if (text === undefined) throw new Fault('bug', 'stage_missing', `${prefix}manifest is not there`);
  counted(readUnloadManifest(text, parts.objects.keyOf), 1);
  return true;
}

function wayOf({ objects, settings }: RedshiftParts): UnloadSettings | undefined {
  const { extraction, unloadRole: role, stageKey: kmsKeyId } = settings;
  if (extraction === 'pages' || role === undefined || kmsKeyId === undefined) return undefined;
  return { role, kmsKeyId, bucket: objects.url('').replace(/^s3:\/\/|\/$/g, '') };
}
