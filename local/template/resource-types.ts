/**
 * The resource types that a template may have here. A type is either run (`runs`), with the properties that are
 * read, those that have no meaning on a laptop (`ignored`), and how it is named; or accepted, with the reason why
 * nothing has to happen. Every other type and every other property is an error, so nothing is dropped silently.
 */
import type { Identity } from './intrinsics.ts';

export type Naming = {
  readonly logicalId: string;
  /** Resolved properties. */
  readonly properties: Readonly<Record<string, unknown>>;
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  readonly endpoint: string;
};

export type ResourceType = {
  readonly properties: readonly string[];
  /** Property -> why it changes nothing here. */
  readonly ignored: Readonly<Record<string, string>>;
  /** Properties that the identity is made of; only these are resolved for it, so references cannot go in circles. */
  readonly namedBy: readonly string[];
  identity(naming: Naming): Identity;
};

const REMOVAL = 'nothing is deployed or removed here';
const AT_REST = 'files of the laptop; the use of the key is checked where a call needs it';
const ignoring = (reason: string, ...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, reason]));

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
/** CloudFormation makes a name of stack and logical id where the template gives none. */
const named = ({ stackName, logicalId, properties }: Naming, property: string, lengthMax = 64): string =>
  text(properties[property]) ?? `${stackName}-${logicalId}`.slice(-lengthMax);
const arn = ({ account, region }: Naming, service: string, resource: string): string =>
  `arn:aws:${service}:${region}:${account}:${resource}`;

const table: ResourceType = {
  namedBy: ['TableName'],
  properties: [
    'TableName',
    'AttributeDefinitions',
    'KeySchema',
    'GlobalSecondaryIndexes',
    'StreamSpecification',
    'SSESpecification',
  ],
  ignored: {
    ...ignoring(REMOVAL, 'DeletionProtectionEnabled', 'Tags'),
    ...ignoring('no capacity is bought here', 'BillingMode', 'OnDemandThroughput'),
    ...ignoring('there are no backups here', 'PointInTimeRecoverySpecification'),
  },
  identity(naming) {
    const name = named(naming, 'TableName', 255);
    const Arn = arn(naming, 'dynamodb', `table/${name}`);
    return { ref: name, attributes: { Arn, StreamArn: `${Arn}/stream/2026-01-01T00:00:00.000` } };
  },
};

const queue: ResourceType = {
  namedBy: ['QueueName'],
  properties: [
    'QueueName',
    'VisibilityTimeout',
    'DelaySeconds',
    'MessageRetentionPeriod',
    'RedrivePolicy',
    'KmsMasterKeyId',
  ],
  ignored: {
    ...ignoring(AT_REST, 'KmsDataKeyReusePeriodSeconds', 'SqsManagedSseEnabled'),
    ...ignoring(REMOVAL, 'Tags'),
    ...ignoring('calls say themselves how long they wait', 'ReceiveMessageWaitTimeSeconds'),
    ...ignoring('no queue is made here after the start', 'RedriveAllowPolicy'),
  },
  identity(naming) {
    const QueueName = named(naming, 'QueueName', 80);
    const QueueUrl = `${naming.endpoint}/${naming.account}/${QueueName}`;
    return { ref: QueueUrl, attributes: { QueueName, QueueUrl, Arn: arn(naming, 'sqs', QueueName) } };
  },
};

const bucket: ResourceType = {
  namedBy: ['BucketName'],
  properties: ['BucketName', 'BucketEncryption'],
  ignored: {
    ...ignoring('no public access reaches 127.0.0.1', 'PublicAccessBlockConfiguration', 'OwnershipControls'),
    ...ignoring('nothing expires here', 'LifecycleConfiguration', 'VersioningConfiguration'),
    ...ignoring('the bucket’s policy keeps objects', 'ObjectLockEnabled', 'ObjectLockConfiguration'),
    ...ignoring(REMOVAL, 'Tags', 'LoggingConfiguration'),
  },
  identity(naming) {
    const name = named(naming, 'BucketName', 63).toLowerCase();
    return { ref: name, attributes: { Arn: `arn:aws:s3:::${name}` } };
  },
};

const lambdaFunction: ResourceType = {
  namedBy: ['FunctionName'],
  properties: [
    'FunctionName',
    'Code',
    'Handler',
    'Role',
    'Environment',
    'Timeout',
    'MemorySize',
    'ReservedConcurrentExecutions',
    'LoggingConfig',
    'DeadLetterConfig',
  ],
  ignored: {
    ...ignoring('the bundle runs on the Node of this checkout', 'Runtime', 'Architectures'),
    ...ignoring('there is no tracing here', 'TracingConfig', 'RecursiveLoop'),
    ...ignoring(REMOVAL, 'Tags', 'Description'),
    ...ignoring(AT_REST, 'KmsKeyArn'),
  },
  identity(naming) {
    const name = named(naming, 'FunctionName');
    return { ref: name, attributes: { Arn: arn(naming, 'lambda', `function:${name}`) } };
  },
};

const role: ResourceType = {
  namedBy: ['RoleName', 'Path'],
  properties: ['RoleName', 'Path', 'AssumeRolePolicyDocument', 'Policies', 'ManagedPolicyArns'],
  ignored: ignoring(REMOVAL, 'Description', 'Tags', 'MaxSessionDuration', 'PermissionsBoundary'),
  identity(naming) {
    const name = named(naming, 'RoleName');
    const path = text(naming.properties.Path) ?? '/';
    const Arn = `arn:aws:iam::${naming.account}:role${path}${name}`;
    return { ref: name, attributes: { Arn, RoleId: `AROA${name}` } };
  },
};

/** A resource that nothing refers to except by its name. */
const plain = (
  properties: readonly string[],
  ignored: Readonly<Record<string, string>> = {},
): ResourceType => ({
  namedBy: [],
  properties,
  ignored,
  identity: (naming) => ({
    ref: `${naming.stackName}-${naming.logicalId}`,
    attributes: { Id: naming.logicalId },
  }),
});

export const RUNS: Readonly<Record<string, ResourceType>> = {
  'AWS::DynamoDB::Table': table,
  'AWS::SQS::Queue': queue,
  'AWS::SQS::QueuePolicy': plain(['Queues', 'PolicyDocument']),
  'AWS::S3::Bucket': bucket,
  'AWS::S3::BucketPolicy': plain(['Bucket', 'PolicyDocument']),
  'AWS::Lambda::Function': lambdaFunction,
  'AWS::Lambda::Permission': plain(['Action', 'FunctionName', 'Principal', 'SourceArn', 'SourceAccount']),
  'AWS::Lambda::EventSourceMapping': plain(
    [
      'EventSourceArn',
      'FunctionName',
      'BatchSize',
      'MaximumBatchingWindowInSeconds',
      'ScalingConfig',
      'FunctionResponseTypes',
      'FilterCriteria',
      'MaximumRetryAttempts',
      'BisectBatchOnFunctionError',
      'DestinationConfig',
      'Enabled',
    ],
    {
      StartingPosition: 'a local stream keeps every record that its mapping has not seen',
      MaximumRecordAgeInSeconds: 'retries end it sooner',
      ParallelizationFactor: 'a local stream has one shard',
      ...ignoring(REMOVAL, 'Tags', 'MetricsConfig'),
    },
  ),
  'AWS::Lambda::EventInvokeConfig': plain(
    ['FunctionName', 'MaximumRetryAttempts', 'MaximumEventAgeInSeconds', 'DestinationConfig'],
    { Qualifier: 'there is one version' },
  ),
  'AWS::IAM::Role': role,
  'AWS::IAM::Policy': plain(['PolicyName', 'PolicyDocument', 'Roles']),
  'AWS::IAM::ManagedPolicy': {
    ...plain(['ManagedPolicyName', 'PolicyDocument', 'Roles'], ignoring(REMOVAL, 'Description', 'Path')),
    namedBy: ['ManagedPolicyName'],
    identity: (naming) => ({
      ref: `arn:aws:iam::${naming.account}:policy/${named(naming, 'ManagedPolicyName')}`,
      attributes: {},
    }),
  },
  'AWS::Events::EventBus': {
    ...plain(
      ['Name', 'KmsKeyIdentifier', 'DeadLetterConfig'],
      ignoring(REMOVAL, 'Description', 'Tags', 'LogConfig'),
    ),
    namedBy: ['Name'],
    identity(naming) {
      const Name = named(naming, 'Name');
      return { ref: Name, attributes: { Name, Arn: arn(naming, 'events', `event-bus/${Name}`) } };
    },
  },
  'AWS::Events::EventBusPolicy': plain(['EventBusName', 'StatementId', 'Statement']),
  'AWS::Events::Rule': {
    ...plain(
      ['EventBusName', 'EventPattern', 'Targets', 'State'],
      ignoring(REMOVAL, 'Name', 'Description', 'Tags'),
    ),
    namedBy: ['EventBusName'],
    identity(naming) {
      const bus = text(naming.properties.EventBusName)?.split('/').at(-1) ?? 'default';
      const name = `${naming.stackName}-${naming.logicalId}`.slice(-64);
      const rule = bus === 'default' ? name : `${bus}/${name}`;
      return { ref: rule, attributes: { Arn: arn(naming, 'events', `rule/${rule}`) } };
    },
  },
  'AWS::Scheduler::ScheduleGroup': {
    ...plain(['Name'], ignoring(REMOVAL, 'Tags')),
    namedBy: ['Name'],
    identity(naming) {
      const name = named(naming, 'Name');
      return { ref: name, attributes: { Arn: arn(naming, 'scheduler', `schedule-group/${name}`) } };
    },
  },
  'AWS::Scheduler::Schedule': {
    ...plain(
      [
        'Name',
        'GroupName',
        'ScheduleExpression',
        'ScheduleExpressionTimezone',
        'State',
        'Target',
        'FlexibleTimeWindow',
      ],
      ignoring(REMOVAL, 'Description', 'KmsKeyArn'),
    ),
    namedBy: ['Name', 'GroupName'],
    identity(naming) {
      const name = named(naming, 'Name');
      const group = text(naming.properties.GroupName) ?? 'default';
      return { ref: name, attributes: { Arn: arn(naming, 'scheduler', `schedule/${group}/${name}`) } };
    },
  },
  'AWS::SecretsManager::Secret': {
    ...plain(['Name', 'KmsKeyId'], {
      ...ignoring(REMOVAL, 'Description', 'Tags'),
      GenerateSecretString: 'the one who starts the stack gives the values',
    }),
    namedBy: ['Name'],
    identity(naming) {
      const Arn = arn(naming, 'secretsmanager', `secret:${named(naming, 'Name', 512)}-LocAl0`);
      return { ref: Arn, attributes: { Id: Arn } };
    },
  },
  'AWS::SecretsManager::ResourcePolicy': plain(
    ['SecretId', 'ResourcePolicy'],
    ignoring('no public access reaches 127.0.0.1', 'BlockPublicPolicy'),
  ),
  'AWS::KMS::Key': {
    ...plain(
      ['KeyPolicy'],
      ignoring(
        'no bytes are encrypted here; the key stands for its policy',
        'EnableKeyRotation',
        'Description',
        'Tags',
        'PendingWindowInDays',
        'RotationPeriodInDays',
        'KeySpec',
        'KeyUsage',
        'Enabled',
      ),
    ),
    identity(naming) {
      const id = `local-${naming.logicalId}`;
      return { ref: id, attributes: { KeyId: id, Arn: arn(naming, 'kms', `key/${id}`) } };
    },
  },
  'AWS::SNS::Topic': {
    ...plain(['TopicName', 'KmsMasterKeyId'], ignoring(REMOVAL, 'DisplayName', 'Tags')),
    namedBy: ['TopicName'],
    identity(naming) {
      const TopicName = named(naming, 'TopicName', 256);
      const TopicArn = arn(naming, 'sns', TopicName);
      return { ref: TopicArn, attributes: { TopicArn, TopicName } };
    },
  },
  'AWS::SNS::TopicPolicy': plain(['Topics', 'PolicyDocument']),
};

/** Accepted, and why nothing happens. */
export const ACCEPTED: Readonly<Record<string, string>> = {
  'AWS::CDK::Metadata': 'says only which constructs made the template',
  'AWS::CloudWatch::Alarm': 'there are no metrics to watch here; the commands show the same numbers',
  'AWS::CloudWatch::CompositeAlarm': 'as for alarms',
  'AWS::CloudWatch::Dashboard': 'as for alarms',
  'AWS::KMS::Alias': 'a second name that no call uses',
  'AWS::Logs::LogGroup': 'logs are files under the data directory',
  'AWS::Logs::MetricFilter': 'there are no metrics here',
  'AWS::Logs::QueryDefinition': 'a saved question to logs that are files here',
  'AWS::SNS::Subscription': 'messages are recorded, not sent to people',
};

/** Accepted types can be referred to as well (an alarm's ARN on a dashboard, a log group's name). */
export const acceptedIdentity = (naming: Naming): Identity => {
  const name =
    text(naming.properties.LogGroupName) ??
    text(naming.properties.AliasName) ??
    `${naming.stackName}-${naming.logicalId}`;
  return { ref: name, attributes: { Arn: arn(naming, 'local', name) } };
};
export const ACCEPTED_NAMED_BY = ['LogGroupName', 'AliasName'] as const;
