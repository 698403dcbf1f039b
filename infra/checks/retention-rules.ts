/** What has to stay stays, and logs have an end: rules about how long things are kept. */
import { partsOf, refersTo } from '../template.ts';
import type { Broken, Checked, Rule } from './rule.ts';

/**
 * Types that hold what cannot be made anew. All others hold nothing, or nothing that a run does not make again (queues
 * hold pointers; the sweep sends them once more).
 */
export const STATEFUL_TYPES: readonly string[] = [
  'AWS::Backup::BackupVault',
  'AWS::DynamoDB::GlobalTable',
  'AWS::DynamoDB::Table',
  'AWS::EC2::Volume',
  'AWS::EFS::FileSystem',
  'AWS::KMS::Key',
  'AWS::KMS::ReplicaKey',
  'AWS::Logs::LogGroup',
  'AWS::OpenSearchService::Domain',
  'AWS::RDS::DBCluster',
  'AWS::RDS::DBInstance',
  'AWS::Redshift::Cluster',
  'AWS::RedshiftServerless::Namespace',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
];

const RETAINED: readonly unknown[] = ['Retain', 'RetainExceptOnCreate'];

/** With `retain`, a stateful resource survives both the stack's end and its own replacement. */
export const retention: Rule = { name: 'Retention', broken: lostWithTheStack };

function* lostWithTheStack({ template, environment }: Checked): Iterable<Broken> {
  if (!environment.retain) return;
  for (const { id, type, properties, resource } of partsOf(template, ...STATEFUL_TYPES)) {
    for (const policy of ['DeletionPolicy', 'UpdateReplacePolicy'] as const) {
      if (RETAINED.includes(resource[policy])) continue;
      yield {
        at: id,
        detail: policy,
        sentence: `The environment retains what it stores, but the ${policy} of this ${type} is ${resource[policy] ?? 'not set'}; give it removalPolicy: removalOf(environment).`,
      };
    }
    const replicas: { DeletionProtectionEnabled?: boolean }[] = properties.Replicas ?? [properties];
    const isTable = type.startsWith('AWS::DynamoDB::');
    if (isTable && !replicas.every((one) => one.DeletionProtectionEnabled === true)) {
      yield {
        at: id,
        detail: 'DeletionProtection',
        sentence:
          'The environment retains what it stores, but this table can be deleted by one call; set deletionProtection: environment.retain.',
      };
    }
  }
}

/** Every function logs to a group of this stack that ends when the settings say so and is encrypted by a key. */
export const functionLogs: Rule = { name: 'FunctionLogs', broken: looseLogs };

function* looseLogs({ template, environment }: Checked): Iterable<Broken> {
  const groups = partsOf(template, 'AWS::Logs::LogGroup');
  for (const fn of partsOf(template, 'AWS::Lambda::Function')) {
    const group = groups.find((one) => refersTo(fn.properties.LoggingConfig?.LogGroup, one));
    if (group === undefined) {
      yield {
        at: fn.id,
        sentence:
          'The function has no log group of this stack: Lambda would make one that never ends, without a key. Make the function with makeFunction.',
      };
      continue;
    }
    const { RetentionInDays: days = 'never', KmsKeyId: key } = group.properties;
    if (days !== environment.logRetentionDays) {
      yield {
        at: group.id,
        detail: 'RetentionInDays',
        sentence: `The logs of a function end after ${days} days, but logRetentionDays says ${environment.logRetentionDays}; take the setting.`,
      };
    }
    if (key === undefined) {
      yield {
        at: group.id,
        detail: 'KmsKeyId',
        sentence:
          "The logs of a function are not encrypted by the environment's key; give the log group encryptionKey.",
      };
    }
  }
}
