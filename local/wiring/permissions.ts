/**
 * Everything that the template says about who may do what: roles with their policies, policies on queues, buckets,
 * topics, buses, secrets and keys, permissions on functions, and which key encrypts what. An element that the evaluator
 * lacks is an error here, at start, not a surprise in the middle of a run.
 */
import type { PermissionSettings, Role } from '../iam/authorizer.ts';
import { parsePolicy, type Statement } from '../iam/policy.ts';
import type { Resource, Template } from '../template/template.ts';

/** Reads the whole template; throws an Error that names the policy and what is not implemented. */
export function readPermissions(template: Template): PermissionSettings {
  return {
    account: template.account,
    region: template.region,
    roles: template.ofType('AWS::IAM::Role').map((role) => readRole(template, role)),
    resourcePolicies: readResourcePolicies(template),
    keys: readKeys(template),
  };
}

function readRole(template: Template, role: Resource): Role {
  const { logicalId, properties, identity } = role;
  const inline = (properties.Policies ?? []) as { PolicyName: string; PolicyDocument: unknown }[];
  const attached = ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy'].flatMap((type) =>
    template
      .ofType(type)
      .filter((policy) => ((policy.properties.Roles ?? []) as string[]).includes(identity.ref)),
  );
  const byArn = managedPolicies(template, role);
  return {
    arn: attribute(role, 'Arn'),
    logicalId,
    trust: parsePolicy(properties.AssumeRolePolicyDocument, `${logicalId}.AssumeRolePolicyDocument`),
    identity: [
      ...inline.flatMap((policy) => parsePolicy(policy.PolicyDocument, `${logicalId}.${policy.PolicyName}`)),
      ...[...attached, ...byArn].flatMap((policy) =>
        parsePolicy(policy.properties.PolicyDocument, policy.logicalId),
      ),
    ],
  };
}

/** AWS's own policies: only the one that lets a function write its log, which is a file here. */
const HARMLESS = 'arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole';

function managedPolicies(template: Template, role: Resource): Resource[] {
  const arns = ((role.properties.ManagedPolicyArns ?? []) as string[]).filter((arn) => arn !== HARMLESS);
  return arns.map((arn) => {
    const found = template.ofType('AWS::IAM::ManagedPolicy').find(({ identity }) => identity.ref === arn);
    if (found === undefined)
      throw new Error(`${role.logicalId}: managed policy ${arn} is not implemented here`);
    return found;
  });
}

function readResourcePolicies(template: Template): Map<string, Statement[]> {
  const policies = new Map<string, Statement[]>();
  const add = (arn: string, statements: readonly Statement[]): void =>
    void policies.set(arn, [...(policies.get(arn) ?? []), ...statements]);

  for (const { logicalId, properties } of template.ofType('AWS::SQS::QueuePolicy'))
    for (const url of properties.Queues as string[])
      add(arnOfRef(template, 'AWS::SQS::Queue', url), parsePolicy(properties.PolicyDocument, logicalId));
  for (const { logicalId, properties } of template.ofType('AWS::S3::BucketPolicy'))
    add(`arn:aws:s3:::${String(properties.Bucket)}`, parsePolicy(properties.PolicyDocument, logicalId));
  for (const { logicalId, properties } of template.ofType('AWS::SecretsManager::ResourcePolicy'))
    add(String(properties.SecretId), parsePolicy(properties.ResourcePolicy, logicalId));
  for (const { logicalId, properties } of template.ofType('AWS::SNS::TopicPolicy'))
    for (const arn of properties.Topics as string[])
      add(arn, parsePolicy(properties.PolicyDocument, logicalId));
  // One statement each, without a document around it.
  for (const { logicalId, properties } of template.ofType('AWS::Events::EventBusPolicy'))
    add(
      arnOfRef(template, 'AWS::Events::EventBus', String(properties.EventBusName)),
      parsePolicy(properties, logicalId),
    );
  for (const key of template.ofType('AWS::KMS::Key'))
    add(attribute(key, 'Arn'), parsePolicy(key.properties.KeyPolicy, key.logicalId));
  for (const permission of template.ofType('AWS::Lambda::Permission')) {
    const arn = functionArn(template, String(permission.properties.FunctionName));
    add(arn, [invokePermission(permission, arn)]);
  }
  return policies;
}

function invokePermission({ logicalId, properties }: Resource, arn: string): Statement {
  const { Principal, SourceArn, SourceAccount, Action } = properties;
  const condition = {
    ...(SourceArn === undefined ? {} : { ArnLike: { 'aws:SourceArn': SourceArn } }),
    ...(SourceAccount === undefined ? {} : { StringEquals: { 'aws:SourceAccount': SourceAccount } }),
  };
  const document = {
    Statement: {
      Effect: 'Allow',
      Principal: { Service: Principal },
      Action,
      Resource: arn,
      Condition: condition,
    },
  };
  const [statement] = parsePolicy(document, logicalId);
  return statement as Statement;
}

function readKeys(template: Template): Map<string, string> {
  const keys = new Map<string, string>();
  const add = (arn: string, key: unknown): void => {
    const found = keyArn(template, key);
    if (found !== undefined) keys.set(arn, found);
  };
  for (const queue of template.ofType('AWS::SQS::Queue'))
    add(attribute(queue, 'Arn'), queue.properties.KmsMasterKeyId);
  for (const topic of template.ofType('AWS::SNS::Topic'))
    add(topic.identity.ref, topic.properties.KmsMasterKeyId);
  for (const secret of template.ofType('AWS::SecretsManager::Secret'))
    add(secret.identity.ref, secret.properties.KmsKeyId);
  for (const table of template.ofType('AWS::DynamoDB::Table'))
    add(
      attribute(table, 'Arn'),
      (table.properties.SSESpecification as { KMSMasterKeyId?: unknown } | undefined)?.KMSMasterKeyId,
    );
  for (const bucket of template.ofType('AWS::S3::Bucket')) add(attribute(bucket, 'Arn'), bucketKey(bucket));
  return keys;
}

type BucketEncryption = {
  readonly ServerSideEncryptionConfiguration?: readonly {
    readonly ServerSideEncryptionByDefault?: { readonly KMSMasterKeyID?: unknown };
  }[];
};
const bucketKey = ({ properties }: Resource): unknown =>
  (properties.BucketEncryption as BucketEncryption | undefined)?.ServerSideEncryptionConfiguration?.[0]
    ?.ServerSideEncryptionByDefault?.KMSMasterKeyID;

/** A key of the template by id or ARN; an AWS-managed key (`alias/aws/...`) asks nobody's permission. */
function keyArn(template: Template, given: unknown): string | undefined {
  const key = template
    .ofType('AWS::KMS::Key')
    .find(({ identity }) => given === identity.ref || given === identity.attributes.Arn);
  return key === undefined ? undefined : attribute(key, 'Arn');
}

function arnOfRef(template: Template, type: string, ref: string): string {
  const found = template.ofType(type).find(({ identity }) => identity.ref === ref);
  if (found === undefined) throw new Error(`there is no ${type} ${ref}`);
  return attribute(found, 'Arn');
}

/** The ARN of a function given by name or ARN. */
export function functionArn(template: Template, nameOrArn: string): string {
  const found = template
    .ofType('AWS::Lambda::Function')
    .find(({ identity }) => nameOrArn === identity.ref || nameOrArn === identity.attributes.Arn);
  if (found === undefined) throw new Error(`there is no function ${nameOrArn}`);
  return attribute(found, 'Arn');
}

/** An attribute that the resource's type always has. */
export function attribute({ logicalId, identity }: Resource, name: string): string {
  const value = identity.attributes[name];
  if (value === undefined) throw new Error(`${logicalId} has no attribute ${name}`);
  return value;
}
