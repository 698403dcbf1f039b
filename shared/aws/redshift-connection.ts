/**
 * Which warehouse the adapter talks to, how rows leave it, and by what a repeat of a statement is known.
 */
import { createHash } from 'node:crypto';
import type { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import type { ObjectStore } from '../ports.ts';

export type RedshiftWarehouseSettings = {
  readonly environment: string;
  readonly kind: 'serverless' | 'provisioned';
  readonly workgroup?: string | undefined;
  readonly cluster?: string | undefined;
  /** Provisioned only, when the user is not derived from the role. */
  readonly dbUser?: string | undefined;
  readonly secretArn?: string | undefined;
  readonly database: string;
  /** The engine's own schema in it. */
  readonly schema: string;
  readonly extraction: 'unload' | 'pages';
  /** The role by which the warehouse writes and reads the staging bucket; needed for `unload`. */
  readonly unloadRole?: string | undefined;
  /** The key that the stage is encrypted with; needed for `unload`. */
  readonly stageKey?: string | undefined;
};

export type RedshiftParts = {
  readonly client: RedshiftDataClient;
  readonly objects: ObjectStore;
  readonly settings: RedshiftWarehouseSettings;
};

/** Where a statement runs, as every submitting call says it. */
export function connectionOf(settings: RedshiftWarehouseSettings): {
  Database: string;
  WorkgroupName?: string;
  ClusterIdentifier?: string;
  DbUser?: string;
  SecretArn?: string;
} {
  const { database, workgroup, cluster, dbUser, secretArn } = settings;
  return {
    Database: database,
    ...(workgroup === undefined ? {} : { WorkgroupName: workgroup }),
    ...(cluster === undefined ? {} : { ClusterIdentifier: cluster }),
    ...(dbUser === undefined ? {} : { DbUser: dbUser }),
    ...(secretArn === undefined ? {} : { SecretArn: secretArn }),
  };
}

/**
 * The same for every repeat of what is named, so that the Data API gives back the statement that it has. Another with the bucket:
 * an environment that was removed and deployed again counts epochs from one again, within the hours that a token is known.
 */
export function clientToken({ objects }: RedshiftParts, name: string): string {
  return createHash('sha256')
    .update(`${objects.url('')} ${name}`)
    .digest('hex');
}
