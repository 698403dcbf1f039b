/**
 * What stands in for the controls of NIST 800-53 r5 that cdk-nag finds open: a report, not an error. Each open finding has
 * its entry, rule and construct by name; a finding without one, and one without a finding, fail a test.
 */

export type CompensatingControl = {
  /** As the pack names it, without `NIST.800.53.R5-`. */
  readonly rule: string;
  /** Constructs below the stack, a destination account's name as `*`; everywhere, where a rule of ours holds. */
  readonly at: readonly string[] | 'everywhere';
  readonly instead: string;
};

const INSIDE = ['StartRun', 'ReconcileSyncs', 'FanOut', 'FinishRun', 'DeadLetter', 'Sweep', 'Api'];
const BESIDE = ['NotifyOwners', 'RecordAudit', 'TellOperators'];
const FUNCTIONS = [...INSIDE, ...BESIDE, 'To-*/LoadBatch'];
const ROLES = ['SchedulerRole', 'UnloadRole', 'WarehouseRole', ...FUNCTIONS.map((name) => `${name}Role`)];

export const COMPENSATING_CONTROLS: readonly CompensatingControl[] = [
  {
    rule: 'S3BucketReplicationEnabled',
    at: ['Staging'],
    instead:
      'The bucket holds copies of what the warehouse has. A run whose stage is lost ends without moving anything, and the next one extracts again; a lost failure set is made good by a resync.',
  },
  {
    rule: 'S3BucketReplicationEnabled',
    at: ['Audit', 'AccessLogs'],
    instead:
      'Records lie in three availability zones, survive the stack, and can be locked (`audit.objectLockDays`). Who must survive the loss of a Region adds a replication rule to the bucket; nothing here depends on it.',
  },
  {
    rule: 'S3BucketVersioningEnabled',
    at: ['Staging'],
    instead:
      'Every object is written once under a name of its own, and no role may delete one. Versions would only keep personal data beyond its retention.',
  },
  {
    rule: 'S3BucketVersioningEnabled',
    at: ['AccessLogs'],
    instead: 'S3 writes each log once under a name of its own, and no role may write or delete one.',
  },
  {
    rule: 'S3DefaultEncryptionKMS',
    at: ['AccessLogs'],
    instead:
      "S3 delivers access logs to buckets under its own key only. They name objects and callers, no row and no value; what they are about is encrypted by the environment's key.",
  },
  {
    rule: 'DynamoDBInBackupPlan',
    at: ['Definitions', 'State'],
    instead:
      'Both tables can be restored to any second of the last 35 days, are protected from deletion and survive the stack. A copy in another AWS account is a backup plan of the organisation, selected by the tag `tailrace:environment`.',
  },
  {
    rule: 'IAMNoInlinePolicy',
    at: ROLES,
    instead:
      'Each policy belongs to exactly one role, comes and goes with it, and can be attached to no other. What all of them allow is one page, `docs/permissions.md`, that changes only in a review.',
  },
  {
    rule: 'SecretsManagerRotationEnabled',
    at: ['To-*/Secret'],
    instead:
      'Credentials of a destination are made at its vendor, where no function of ours could renew them. Only the loader of the account can read the value; a new one counts as soon as the old one is refused, at the latest in a new execution environment, and a refused one opens the breaker, which has an alarm.',
  },
  {
    rule: 'LambdaDLQ',
    at: FUNCTIONS,
    instead:
      'Asynchronous calls that were given up go to the queue `Undelivered` by an on-failure destination; queues and streams have dead-letter queues of their own; synchronous callers see the error. A rule of ours fails synth where one is missing, or has no alarm.',
  },
  {
    rule: 'LambdaInsideVPC',
    at: FUNCTIONS,
    instead:
      'Functions have no way in from any network: only their event sources and IAM reach them. With `network` they run in subnets of yours. Without, they reach AWS services and destinations over TLS, and a loader refuses addresses that are not public, unless its account lists them.',
  },
  {
    rule: 'LambdaConcurrency',
    at: [...INSIDE, ...BESIDE],
    instead:
      'Loaders, which the amount of data could multiply, reserve their concurrency. These functions are called once per tick, run or edit, or by a source with a limit of its own, and throttling has an alarm; a reservation would take the rest of the AWS account what they never use.',
  },
  {
    rule: 'LambdaConcurrency',
    at: ['To-*/LoadBatch'],
    instead:
      "Only with `reserveConcurrency: false`, for AWS accounts whose limit leaves nothing to reserve: the maximum concurrency of the loader's two queues bounds it then.",
  },
  {
    rule: 'CloudWatchAlarmAction',
    at: 'everywhere',
    instead:
      'A single alarm tells nobody: it changes the composite alarm of its severity, and that tells the operators once when something begins and once when all of it is over. A rule of ours fails synth for an alarm that is in neither. Silence is not an alarm of its own; a sweep that has fallen silent has one.',
  },
];
