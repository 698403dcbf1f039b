/**
 * Findings that stay, each with its reason: the one place for reasons of wildcards too. An entry covers exactly the
 * constructs and details that it names, so a new function or a new permission is told at synth until somebody has
 * written down why it may be so. Mend first; acknowledge what cannot or should not be mended. A test fails for an entry
 * that covers nothing, and the list with every resource is `docs/compliance.md`.
 */

export type Acknowledgement = {
  /** As synth names it: `AwsSolutions-IAM5`, `Tailrace-Wildcard`. */
  readonly rule: string;
  /** Constructs below the stack, as synth names them, a destination account's name as `*`. */
  readonly at: readonly string[];
  /** For a rule that one resource can break several times: which of them, word for word. */
  readonly details?: readonly string[];
  readonly because: string;
};

/** Whoever begins, sends, watches or ends a run; any of them may finish one that has no batches. */
const SENDERS = ['FanOutRole', 'SweepRole', 'ApiRole'];
const FINISHERS = [...SENDERS, 'FinishRunRole'];
const LOADERS = ['To-*/LoadBatchRole', 'DeadLetterRole'];
const FUNCTIONS = [
  ...['StartRun', 'ReconcileSyncs', 'FanOut', 'FinishRun', 'DeadLetter', 'Sweep', 'Api'],
  ...['NotifyOwners', 'RecordAudit', 'TellOperators', 'To-*/LoadBatch'],
];

const A_RUN =
  'one function serves every sync, so sync and epoch stand for the star; which kind of object of a run it is stays exact';

/** Objects of runs in the staging bucket: who, and which kind. */
const OBJECTS: readonly (readonly [pattern: string, at: readonly string[]])[] = [
  ['runs/*/definition.json', ['StartRunRole', 'RecordAuditRole', ...FINISHERS, ...LOADERS]],
  ['runs/*/counts.json', SENDERS],
  ['runs/*/stage/*/manifest', [...FINISHERS, 'RecordAuditRole']],
  ['runs/*/stage/{destination}/*', ['To-*/LoadBatchRole']],
  ['runs/*/stage/*', ['DeadLetterRole']],
  ['kept/*/carried/manifest', FINISHERS],
  ['kept/*/failures.*.manifest', [...FINISHERS, 'NotifyOwnersRole']],
  ['kept/*/failures/*', [...LOADERS, 'NotifyOwnersRole']],
  ['kept/*/carried/*', ['NotifyOwnersRole']],
  ['runs/*/dead/*', ['DeadLetterRole']],
  ['kept/*', FINISHERS],
];

/** By pages the extractor writes what UNLOAD writes otherwise, and reads the failure set that COPY reads otherwise. */
const OBJECTS_BY_PAGES: typeof OBJECTS = [
  ['kept/*/failures.*.manifest', ['StartRunRole']],
  ['kept/*/failures/*', ['StartRunRole', 'SweepRole', 'ApiRole']],
  ['kept/*/carried/*', ['StartRunRole', ...SENDERS]],
  ['runs/*/stage/*', ['FanOutRole', 'SweepRole']],
  ['runs/*/pages/*', ['FanOutRole', 'SweepRole']],
];

/** What Redshift writes, and what else it reads, as whichever role. */
const UNLOADED = ['runs/*/stage/*', 'kept/*/carried/*'];
const UNLOADED_OR_READ = [...UNLOADED, 'kept/*/failures/*', 'kept/*/failures.*.manifest'];

/** With `network`: every role of a function. */
const NETWORKED = FUNCTIONS.map((name) => `${name}Role`);
const LOOKING = ['DescribeNetworkInterfaces', 'DescribeSubnets'];
const INTERFACES = [
  'AssignPrivateIpAddresses',
  'CreateNetworkInterface',
  'DeleteNetworkInterface',
  'UnassignPrivateIpAddresses',
];

const IN_A_NETWORK: readonly Acknowledgement[] = [
  {
    rule: 'AwsSolutions-IAM5',
    at: NETWORKED,
    details: ['Resource::arn:aws:ec2:{region}:{account}:*/*', 'Resource::*'],
    because:
      'Lambda makes and looks for network interfaces with the role, and none has a name before it exists; a Deny keeps the code itself from all of it',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: NETWORKED,
    details: LOOKING.map((action) => `Allow on *: ec2:${action}`),
    because: 'looking at interfaces and subnets has no resource type; a Deny keeps the code itself from it',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: NETWORKED,
    details: [...INTERFACES, ...LOOKING].map((action) => `Deny on *: ec2:${action}`),
    because: 'what Lambda does with the role to place the function in a network, the code may do nowhere',
  },
];

export const ACKNOWLEDGEMENTS: readonly Acknowledgement[] = [
  ...IN_A_NETWORK,
  ...[...OBJECTS, ...OBJECTS_BY_PAGES].map(([pattern, at]) => ({
    ...{ rule: 'AwsSolutions-IAM5', at, because: A_RUN },
    details: [`Resource::<Staging.Arn>/${pattern}`],
  })),
  {
    rule: 'AwsSolutions-IAM5',
    at: ['UnloadRole'],
    details: UNLOADED_OR_READ.map((pattern) => `Resource::<Staging.Arn>/${pattern}`),
    because:
      'Redshift writes the stage of any sync and reads its failure set with this role, and UNLOAD is documented to need GET where it writes; it can reach nothing else, and only Redshift can take it on',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: ['Staging/Policy'],
    details: [
      ...UNLOADED_OR_READ.map((pattern) => `Allow on <Staging.Arn>/${pattern}: s3:GetObject`),
      ...UNLOADED.map((pattern) => `Allow on <Staging.Arn>/${pattern}: s3:PutObject`),
    ],
    because:
      'with a role of your own for UNLOAD the bucket admits that one role, by its ARN, to what a role of ours may touch: stages and failure sets of any sync',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: ['AccessLogs/Policy'],
    details: ['staging', 'audit'].map((bucket) => `Allow on <AccessLogs.Arn>/${bucket}/*: s3:PutObject`),
    because:
      'S3 makes up the names of its access logs; the statement admits its logging service alone, for one bucket of this account, under one prefix',
  },
  {
    rule: 'AwsSolutions-IAM5',
    at: ['RecordAuditRole'],
    details: ['Resource::<Audit.Arn>/*'],
    because:
      'it adds a record to the bucket of records, which holds nothing else; it can neither read nor replace one',
  },
  {
    rule: 'AwsSolutions-IAM5',
    at: ['ReconcileSyncsRole'],
    details: ['Resource::arn:aws:scheduler:{region}:{account}:schedule/tailrace-{environment}/*'],
    because:
      'there is a schedule per sync, and syncs come and go at run time; the group is exact, and this environment owns it',
  },
  {
    rule: 'AwsSolutions-IAM5',
    at: ['ReconcileSyncsRole', 'RecordAuditRole'],
    details: ['Resource::<Definitions.Arn>/stream/*'],
    because: "listing a table's streams names no single stream; reading is allowed on the exact one only",
  },
  {
    rule: 'AwsSolutions-IAM5',
    at: ['WarehouseRole'],
    details: ['Resource::*'],
    because: 'Data API statements have no ARN; the owner condition leaves a role its own statements only',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: ['WarehouseRole'],
    details: ['CancelStatement', 'DescribeStatement', 'GetStatementResult'].map(
      (action) => `Allow on *: redshift-data:${action}`,
    ),
    because: 'Data API statements have no ARN; the owner condition leaves a role its own statements only',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: ['Key'],
    details: ['Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey', 'ReEncryptFrom', 'ReEncryptTo'].map(
      (action) => `Allow on *: kms:${action}`,
    ),
    because: "in a key's own policy the star means this key",
  },
  {
    rule: 'Tailrace-Wildcard',
    at: ['Key'],
    details: ['Allow kms:*', 'Allow on *: kms:*'],
    because:
      'the account keeps control of its key: without this statement nobody could ever change its policy',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: ['Staging/Policy', 'AccessLogs/Policy', 'Audit/Policy'],
    details: ['Deny s3:*'],
    because: 'nothing at all without TLS: a Deny is safer the wider it is',
  },
  {
    rule: 'Tailrace-Wildcard',
    at: ['Undelivered/Policy', 'To-*/DeadLetters/Policy', 'To-*/Express/Policy', 'To-*/Bulk/Policy'],
    details: ['Deny sqs:*'],
    because: 'nothing at all without TLS: a Deny is safer the wider it is',
  },
  {
    rule: 'AwsSolutions-SMG4',
    at: ['To-*/Secret'],
    because:
      "a vendor's credentials are made at the vendor: no Lambda of ours can rotate them. A new value counts as soon as the old one is refused, at the latest in a new execution environment, and a refused one opens the breaker, which has an alarm",
  },
  {
    rule: 'AwsSolutions-SQS3',
    at: ['Undelivered'],
    because:
      'it is the queue of last resort of schedules, rules, streams and calls, and has an alarm; behind it comes a person',
  },
  {
    rule: 'Serverless-SQSRedrivePolicy',
    at: ['Undelivered', 'To-*/DeadLetters'],
    because: 'it is a dead-letter queue itself, and has an alarm; behind it comes a person',
  },
  {
    rule: 'Serverless-LambdaDLQ',
    at: ['StartRun', 'FanOut', 'FinishRun', 'Sweep', 'NotifyOwners', 'RecordAudit', 'TellOperators'],
    because:
      'what an asynchronous call gave up goes to the queue of last resort by the on-failure destination, which says why it failed too; the rule knows only the older setting',
  },
  {
    rule: 'Serverless-LambdaDLQ',
    at: ['To-*/LoadBatch', 'DeadLetter', 'ReconcileSyncs', 'Api'],
    because:
      'nobody calls it asynchronously, and a dead-letter queue of a function takes asynchronous calls only: its queue or stream keeps what failed, or its caller sees the error',
  },
  {
    rule: 'Serverless-LambdaEventSourceMappingDestination',
    at: ['To-*/ExpressSource', 'To-*/BulkSource', 'DeadLettersOf-*'],
    because:
      'a source that is a queue cannot have a failure destination: the dead-letter queue of the queue is it',
  },
  {
    rule: 'Serverless-LambdaTracing',
    at: FUNCTIONS,
    because:
      'a run is followed through the structured logs of all functions by its sync and epoch; tracing would cost per trace, and ask for a permission on every resource in every role',
  },
  {
    rule: 'Serverless-SNSRedrivePolicy',
    at: ['Alarms/*'],
    because:
      'an alarm that could not be mailed would lie in a queue whose alarm goes to the same address; its state stays in CloudWatch, and the topic counts failed deliveries',
  },
];
