/** Definitions and requests for the tests of this folder: small, complete, each part replaceable. */

import type { Column } from '../../shared/core/stage.ts';
import { type Sync, syncSchema } from '../../shared/core/sync.ts';
import type { ExtractionRequest } from '../../shared/ports.ts';

export type SyncParts = {
  readonly sql?: string;
  readonly primaryKey?: readonly string[];
  readonly changes?: object;
  readonly mode?: string;
  readonly removed?: string;
  readonly matchOn?: string;
  readonly fields?: readonly object[];
  readonly checks?: readonly object[];
};

export function makeSync(parts: SyncParts = {}): Sync {
  return {
    ...syncSchema.parse({
      syncId: 'people-to-crm',
      owner: 'owner@example.com',
      schedule: { every: '15 minutes' },
      model: {
        sql: 'select 1',
        primaryKey: parts.primaryKey ?? ['id'],
        changes: parts.changes ?? { by: 'diff' },
      },
      destination: {
        account: 'crm',
        object: 'contacts',
        mode: parts.mode ?? 'upsert',
        matchOn: parts.matchOn ?? 'email',
        ...(parts.removed === undefined ? {} : { removed: parts.removed }),
      },
      fields: parts.fields ?? [
        { to: 'email', from: 'email' },
        { to: 'ltv', from: 'ltv' },
      ],
    }),
    ...withTexts(parts),
  };
}

/** Texts that the schema would refuse (an empty model) still reach the code under test. */
function withTexts(parts: SyncParts): Pick<Sync, 'model' | 'checks'> {
  return {
    model: {
      sql: parts.sql ?? 'select id, email, ltv, updated_at from people',
      primaryKey: [...(parts.primaryKey ?? ['id'])],
      changes: (parts.changes ?? { by: 'diff' }) as Sync['model']['changes'],
    },
    checks: (parts.checks ?? []) as Sync['checks'],
  };
}

export const PEOPLE: readonly Column[] = [
  { name: 'id', type: 'int8' },
  { name: 'email', type: 'varchar' },
  { name: 'ltv', type: 'numeric' },
  { name: 'updated_at', type: 'timestamp' },
];

export function makeRequest(sync: Sync, parts: Partial<ExtractionRequest> = {}): ExtractionRequest {
  return {
    definition: { sync, version: 1, mappingVersion: 'm1', generation: 'g1' },
    epoch: 1,
    columns: PEOPLE,
    watermark: null,
    snapshotEpoch: 0,
    failures: null,
    dirty: [],
    ...parts,
  };
}
