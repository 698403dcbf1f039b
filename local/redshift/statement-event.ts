/** The EventBridge event that AWS sends when a statement `WithEvent` has ended. */
import { randomUUID } from 'node:crypto';
import type { Statement } from './statement.ts';

export type StatementEvent = {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': 'Redshift Data Statement Status Change';
  readonly source: 'aws.redshift-data';
  readonly account: string;
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: {
    readonly principal: string;
    readonly statementName: string;
    readonly statementId: string;
    readonly redshiftQueryId: number;
    readonly state: string;
    readonly rows: number;
    readonly expireAt: number;
  };
};

const DAY_SECONDS = 86_400;

export function statementEvent(statement: Statement): StatementEvent {
  const { input } = statement;
  const resource = input.WorkgroupName ?? input.ClusterIdentifier ?? 'local';
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Redshift Data Statement Status Change',
    source: 'aws.redshift-data',
    account: '000000000000',
    time: new Date(statement.updatedAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    region: 'us-east-1',
    resources: [`arn:aws:redshift:us-east-1:000000000000:cluster:${resource}`],
    detail: {
      principal: 'arn:aws:sts::000000000000:assumed-role/local',
      statementName: input.StatementName ?? '',
      statementId: statement.id,
      redshiftQueryId: -1,
      state: statement.status,
      rows: statement.subs.at(-1)?.rows ?? -1,
      expireAt: Math.floor(statement.updatedAt / 1000) + DAY_SECONDS,
    },
  };
}
