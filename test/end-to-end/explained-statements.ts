/**
 * Grants that the whole run does not use, each with its reason. A grant that is used and stands here fails the test as
 * much as one that is not used and does not: this list is what a reviewer reads.
 */
import { lineOf, type NamedGrant } from './grants.ts';

export type Explanation = {
  /** All grants whose line this matches (`role: action on resource when condition`). */
  readonly grants: RegExp;
  readonly because: string;
  /** Only there when rows leave the warehouse this way. */
  readonly only?: 'unload' | 'pages';
};

export const EXPLAINED: readonly Explanation[] = [
  {
    grants: /: logs:(CreateLogStream|PutLogEvents) on /,
    because: 'Lambda writes logs with the function’s role; here they are files',
  },
  {
    grants: /^Key Logs: kms:/,
    because: 'CloudWatch Logs encrypts log groups by itself',
  },
  {
    grants: /: kms:(Encrypt|GenerateDataKey|DescribeKey) on .* when kms:ViaService dynamodb$/,
    because:
      'what DynamoDB asks for on behalf of who uses a table, besides Decrypt, depends on the age of its cached table key; here it asks for Decrypt alone',
  },
  {
    grants: /^UnloadRole: s3:GetBucketLocation /,
    because: 'Redshift asks where the bucket is before it unloads; here it knows',
    only: 'unload',
  },
  {
    grants: /^UnloadRole: s3:GetObject on .*\/runs\/\*\/stage\/\*$/,
    because:
      'Redshift documents GET for where UNLOAD writes, and tailrace doctor lets it read back the row that it unloaded; here UNLOAD reads nothing, and the doctor is not part of the whole run',
    only: 'unload',
  },
  {
    grants: /^(FanOut|Sweep)Role: s3:PutObject on .*\/(stage\/\*|carried)\/manifest$/,
    because:
      'an UNLOAD of no rows may leave no manifest on AWS, and an empty one is put there; here it always leaves one',
    only: 'unload',
  },
  {
    grants: /^SchedulerRole: (sqs:SendMessage on .*Undelivered|kms:.* when kms:ViaService sqs)$/,
    because: 'EventBridge Scheduler keeps ticks that Lambda would not accept; here Lambda accepts all',
  },
  {
    grants: /^UndeliveredPolicy AllowEventRule\w+: sqs:SendMessage /,
    because: 'EventBridge keeps events that Lambda would not accept; here Lambda accepts all',
  },
  {
    grants: /^Key EventBridge: kms:/,
    because: 'the same events, into the encrypted queue',
  },
  {
    grants: /^ReconcileSyncsRole: (sqs:SendMessage on .*Undelivered|kms:.* when kms:ViaService sqs)$/,
    because:
      'Lambda hands on stream records that failed eleven times, which takes most of a minute; see failures.test.ts',
  },
  {
    grants: /^(AlarmsPolicy|Key) Alarms: /,
    because: 'CloudWatch publishes alarms; there are none here',
  },
  {
    grants: /^AccessLogsPolicy: s3:PutObject /,
    because: 'S3 writes its access logs; there are none here',
  },
];

export type Judgement = {
  /** Neither used nor explained: exercise it in `whole-run.ts`, explain it above, or take it out of `infra/grants.ts`. */
  readonly unused: readonly string[];
  /** Explained, and used all the same: take it out of the list. */
  readonly usedAfterAll: readonly string[];
  /** Explanations of nothing. */
  readonly idle: readonly string[];
};

export function judge(grants: readonly NamedGrant[], extraction: 'unload' | 'pages'): Judgement {
  const relevant = EXPLAINED.filter(({ only }) => only === undefined || only === extraction);
  const explains = (grant: NamedGrant): boolean =>
    relevant.some((explanation) => explanation.grants.test(lineOf(grant)));
  return {
    unused: grants.filter((grant) => !grant.isUsed && !explains(grant)).map(lineOf),
    usedAfterAll: grants.filter((grant) => grant.isUsed && explains(grant)).map(lineOf),
    idle: relevant
      .filter((explanation) => !grants.some((grant) => explanation.grants.test(lineOf(grant))))
      .map(({ grants: lines }) => lines.source),
  };
}
