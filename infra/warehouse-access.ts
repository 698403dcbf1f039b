/**
 * How the engine reaches Redshift: one role with a stable name (grants in the warehouse name its database user) that
 * submits, watches and reads statements, and, for UNLOAD, a role that the warehouse itself takes on to write the stage.
 */
import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { warehouseSessionName } from '../shared/core/names.ts';
import { throughKey } from './grants.ts';
import type { Environment } from './settings.ts';
import { letUseKey, type Storage } from './storage.ts';

/** The database user that Redshift derives from it is `IAMR:tailrace-<environment>-warehouse`. */
export const warehouseRoleName = (name: string): string => `tailrace-${name}-warehouse`;

/** Spelled out, so that functions can name the role before it lists them as those who may take it on. */
export const warehouseRoleArn = (scope: Construct, name: string): string =>
  `arn:${Stack.of(scope).partition}:iam::${Stack.of(scope).account}:role/${warehouseRoleName(name)}`;

/** The role that statements belong to; only the given functions may take it on. */
export function makeWarehouseRole(
  scope: Construct,
  name: string,
  environment: Environment,
  functions: readonly lambda.Function[],
): iam.Role {
  const role = new iam.Role(scope, 'WarehouseRole', {
    roleName: warehouseRoleName(name),
    description: 'Redshift statements of this environment belong to this role',
    assumedBy: new iam.CompositePrincipal(
      ...functions.flatMap((fn) => (fn.role === undefined ? [] : [new iam.ArnPrincipal(fn.role.roleArn)])),
    ).withConditions({ StringEquals: { 'sts:RoleSessionName': warehouseSessionName(name) } }),
  });
  for (const statement of warehouseStatements(scope, environment)) role.addToPolicy(statement);
  return role;
}

function warehouseStatements(scope: Construct, environment: Environment): iam.PolicyStatement[] {
  const { warehouse } = environment;
  const { partition, region, account } = Stack.of(scope);
  const arn = (service: string, resource: string): string =>
    `arn:${partition}:${service}:${region}:${account}:${resource}`;
  const target =
    warehouse.kind === 'serverless'
      ? arn('redshift-serverless', `workgroup/${warehouse.workgroupId}`)
      : arn('redshift', `cluster:${warehouse.cluster}`);
  const credentials =
    warehouse.kind === 'serverless'
      ? { actions: ['redshift-serverless:GetCredentials'], resources: [target] }
      : {
          actions: ['redshift:GetClusterCredentialsWithIAM'],
          resources: [arn('redshift', `dbname:${warehouse.cluster}/${warehouse.database}`)],
        };
  return [
    {
      actions: ['redshift-data:ExecuteStatement', 'redshift-data:BatchExecuteStatement'],
      resources: [target],
    },
    {
      // These actions have no resource type; the owner condition narrows them to this role's own statements.
      actions: [
        'redshift-data:DescribeStatement',
        'redshift-data:GetStatementResult',
        'redshift-data:CancelStatement',
      ],
      resources: ['*'],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: an IAM policy variable, filled in by IAM
      conditions: { StringEquals: { 'redshift-data:statement-owner-iam-userid': '${aws:userid}' } },
    },
    credentials,
  ].map((statement) => new iam.PolicyStatement(statement));
}

/**
 * The role that Redshift takes on in UNLOAD and COPY: writes stages, reads failure sets of the staging bucket, nothing else.
 * A role of the user's own gets the same through the bucket's and the key's policies. Undefined: rows are paged.
 */
export function unloadRoleArn(
  scope: Construct,
  name: string,
  environment: Environment,
  storage: Storage,
): string | undefined {
  const { extraction } = environment;
  if (extraction.by === 'pages') return undefined;
  if (extraction.role !== undefined) {
    admitForeignRole(scope, storage, extraction.role);
    return extraction.role;
  }
  const conditions =
    extraction.usableBy === 'engine'
      ? { StringEquals: { 'sts:ExternalId': databaseUserArn(scope, name, environment) } }
      : {};
  const role = new iam.Role(scope, 'UnloadRole', {
    description: 'Attach to the warehouse: Redshift writes and reads the staging bucket with it',
    // No condition on the source: whether Redshift states one is not documented. Only who may pass this role can
    // attach it to a warehouse.
    assumedBy: new iam.CompositePrincipal(
      new iam.ServicePrincipal('redshift.amazonaws.com', { conditions }),
      new iam.ServicePrincipal('redshift-serverless.amazonaws.com', { conditions }),
    ),
  });
  for (const statement of stagingStatements(storage)) role.addToPolicy(new iam.PolicyStatement(statement));
  role.addToPolicy(new iam.PolicyStatement(throughKey(storage.key, 's3', ['Decrypt', 'GenerateDataKey'])));
  return role.roleArn;
}

/**
 * The engine's database user as Redshift names it to IAM: a role that is attached to a warehouse is every user's, unless it
 * trusts Redshift for one of them only.
 * https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html
 */
function databaseUserArn(scope: Construct, name: string, { warehouse }: Environment): string {
  const { partition, region, account } = Stack.of(scope);
  const place =
    warehouse.kind === 'serverless' ? `serverless-${account}-${warehouse.workgroupId}` : warehouse.cluster;
  return `arn:${partition}:redshift:${region}:${account}:dbuser:${place}/IAMR:${warehouseRoleName(name)}`;
}

/** What UNLOAD writes: rows and carried failure records, each with its manifest. The doctor's row lies there as well. */
const UNLOADED = ['runs/*/stage/*', 'kept/*/carried/*'];
/**
 * What COPY reads: a failure set, which is a manifest, failure objects and carried records. UNLOAD too is documented to need
 * GET, beside LIST and PUT, where it writes; so this role alone reads a stage that it wrote, and no function can take it on.
 * https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html
 */
const READ = [...UNLOADED, 'kept/*/failures/*', 'kept/*/failures.*.manifest'];

function stagingStatements({ staging }: Storage): iam.PolicyStatementProps[] {
  const objects = (patterns: readonly string[]) => patterns.map((pattern) => staging.arnForObjects(pattern));
  return [
    { actions: ['s3:GetBucketLocation', 's3:ListBucket'], resources: [staging.bucketArn] },
    { actions: ['s3:GetObject'], resources: objects(READ) },
    { actions: ['s3:PutObject'], resources: objects(UNLOADED) },
  ];
}

function admitForeignRole(scope: Construct, storage: Storage, roleArn: string): void {
  const principals = [new iam.ArnPrincipal(roleArn)];
  for (const statement of stagingStatements(storage)) {
    storage.staging.addToResourcePolicy(new iam.PolicyStatement({ ...statement, principals }));
  }
  letUseKey(scope, 'KeyStatementsForUnload', storage.key, [
    new iam.PolicyStatement({
      ...throughKey(storage.key, 's3', ['Decrypt', 'GenerateDataKey']),
      resources: ['*'],
      principals,
    }),
  ]);
}
