/**
 * The Redshift Data API on the listener: checks the caller, then hands the call to the local Redshift. A statement on
 * a workgroup or cluster also needs the permission to get credentials for it, as the Data API does on AWS.
 */
import { type Authorizer, userIdOf } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import type { LocalRedshift } from '../redshift/endpoint.ts';
import type { UnloadStore } from '../redshift/object-store.ts';
import { notImplemented, parseJson, readBody, type Service, ServiceError } from '../wire.ts';
import type { ObjectFiles } from './object-files.ts';

export type RedshiftDataSettings = {
  readonly redshift: LocalRedshift;
  readonly authorizer: Authorizer;
  readonly account: string;
  readonly region: string;
  /** The id at the end of the workgroup's ARN. */
  readonly workgroupId: string;
};

/** A sub-statement's id is that of its batch with a number. */
type Input = Place & { readonly Id?: string };

type Place = {
  readonly WorkgroupName?: string;
  readonly ClusterIdentifier?: string;
  readonly Database?: string;
  readonly DbUser?: string;
  readonly SecretArn?: string;
};

const ON_WAREHOUSE: ReadonlySet<string> = new Set(['ExecuteStatement', 'BatchExecuteStatement']);
const ON_STATEMENT: ReadonlySet<string> = new Set([
  'DescribeStatement',
  'GetStatementResult',
  'GetStatementResultV2',
  'CancelStatement',
  'ListStatements',
]);

export function redshiftDataService(settings: RedshiftDataSettings): Service {
  /** Who submitted a statement, by its id: for nobody else it is there. */
  const owners = new Map<string, string>();
  return {
    signingName: 'redshift-data',
    protocol: 'json',
    async handle({ request, response, caller, count }) {
      const name =
        String(request.headers['x-amz-target'] ?? '')
          .split('.')
          .at(-1) ?? '';
      const input = parseJson((await readBody(request)) || '{}');
      authorize(settings, caller, name, input as Input, owners);
      count(name);
      const output = await settings.redshift.call(name, input).catch((error: unknown) => {
        throw asServiceError(error);
      });
      if (ON_WAREHOUSE.has(name)) owners.set((JSON.parse(String(output)) as { Id: string }).Id, idOf(caller));
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(output);
    },
  };
}

const idOf = (caller: Caller): string => (caller.is === 'role' ? userIdOf(caller) : 'operator');

function authorize(
  settings: RedshiftDataSettings,
  caller: Caller,
  name: string,
  place: Input,
  owners: ReadonlyMap<string, string>,
): void {
  const { authorizer } = settings;
  if (ON_STATEMENT.has(name)) {
    // One that nobody has submitted since the start is answered as not found, to whoever asks.
    const owner = owners.get(place.Id?.split(':')[0] ?? '') ?? idOf(caller);
    authorizer.authorize(caller, `redshift-data:${name}`, '*', {
      'redshift-data:statement-owner-iam-userid': owner,
    });
    return;
  }
  if (!ON_WAREHOUSE.has(name)) throw notImplemented(`redshift-data:${name}`);
  if (place.DbUser !== undefined || place.SecretArn !== undefined)
    throw notImplemented('DbUser and SecretArn');
  const arn = (service: string, resource: string): string =>
    `arn:aws:${service}:${settings.region}:${settings.account}:${resource}`;
  if (place.WorkgroupName !== undefined) {
    const workgroup = arn('redshift-serverless', `workgroup/${settings.workgroupId}`);
    authorizer.authorize(caller, `redshift-data:${name}`, workgroup);
    authorizer.authorize(caller, 'redshift-serverless:GetCredentials', workgroup);
  } else {
    const cluster = place.ClusterIdentifier ?? '';
    authorizer.authorize(caller, `redshift-data:${name}`, arn('redshift', `cluster:${cluster}`));
    const database = arn('redshift', `dbname:${cluster}/${place.Database ?? ''}`);
    authorizer.authorize(caller, 'redshift:GetClusterCredentialsWithIAM', database);
  }
}

function asServiceError(error: unknown): unknown {
  const { code, status, message } = error as { code?: unknown; status?: unknown; message?: string };
  return typeof code === 'string' && typeof status === 'number'
    ? new ServiceError(code, message ?? code, status)
    : error;
}

/**
 * The staging bucket as UNLOAD and COPY see it: files, without a round of HTTP, but each access is checked against
 * the role that Redshift takes on.
 */
export function warehouseStore(files: ObjectFiles, authorizer: Authorizer, caller: Caller): UnloadStore {
  const check = (action: string, bucket: string, key: string, use: string): void => {
    authorizer.authorize(caller, action, `arn:aws:s3:::${bucket}/${key}`);
    authorizer.authorizeKey(caller, `arn:aws:s3:::${bucket}`, use, 's3');
  };
  return {
    async put(bucket, key, body) {
      check('s3:PutObject', bucket, key, 'kms:GenerateDataKey');
      await files.put(bucket, key, body);
    },
    async putFile(bucket, key, file) {
      check('s3:PutObject', bucket, key, 'kms:GenerateDataKey');
      await files.put(bucket, key, { file });
    },
    async get(bucket, key) {
      check('s3:GetObject', bucket, key, 'kms:Decrypt');
      return files.get(bucket, key);
    },
    async occupied(bucket, prefix) {
      authorizer.authorize(caller, 's3:ListBucket', `arn:aws:s3:::${bucket}`, { 's3:prefix': prefix });
      return (await files.list(bucket, prefix)).length > 0;
    },
  };
}
