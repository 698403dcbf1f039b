/** Schedules, events, secrets, faults: adapters of a call or two, against scripted clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { ResourceNotFoundException, type SchedulerClient } from '@aws-sdk/client-scheduler';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { awsFault } from '../../shared/aws/aws-fault.ts';
import { busEvents } from '../../shared/aws/bus-events.ts';
import { schedulerSchedules } from '../../shared/aws/scheduler-schedules.ts';
import { fetchSecret } from '../../shared/aws/secrets.ts';
import { sqsQueue } from '../../shared/aws/sqs-queue.ts';
import { awsError, scripted } from './calls.ts';

const missing = (): Error => new ResourceNotFoundException({ message: 'no', Message: 'no', $metadata: {} });
const target = { group: 'g', startRun: 'arn:start', role: 'arn:role', undelivered: 'arn:queue' };

test('a schedule is written whole: retries, age, dead letters, no flexible window', async () => {
  const { client, sent } = scripted<SchedulerClient>(() => undefined);
  await schedulerSchedules(client, target).put('one', { every: '15 minutes' }, false);
  assert.deepEqual(sent, [
    {
      name: 'UpdateSchedule',
      input: {
        GroupName: 'g',
        Name: 'one',
        ScheduleExpression: 'rate(15 minutes)',
        ScheduleExpressionTimezone: 'UTC',
        State: 'DISABLED',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: 'arn:start',
          RoleArn: 'arn:role',
          Input: '{"syncId":"one","scheduledAt":"<aws.scheduler.scheduled-time>"}',
          RetryPolicy: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 900 },
          DeadLetterConfig: { Arn: 'arn:queue' },
        },
      },
    },
  ]);
});

test('a schedule that is not there is created; removing one that is not there is no error', async () => {
  const { client, sent } = scripted<SchedulerClient>((name) =>
    name === 'CreateSchedule' ? undefined : missing(),
  );
  const schedules = schedulerSchedules(client, target);
  await schedules.put('one', { every: '5 minutes' }, true);
  await schedules.remove('one');
  assert.deepEqual(
    sent.map(({ name }) => name),
    ['UpdateSchedule', 'CreateSchedule', 'DeleteSchedule'],
  );
  assert.deepEqual(sent[0]?.input, sent[1]?.input);
});

test('a tick is never older than the time to the next one', async () => {
  const ages: unknown[] = [];
  const timezone = 'Europe/Paris';
  const schedules = [
    ...['1 minute', '5 minutes', '2 hours'].map((every) => ({ every })),
    ...['*/5 * * * *', '* * * * *', '0 * * * *', '0,50,57 * * * *', '58,1 6-7 * * 1'].map((cron) => ({
      cron,
      timezone,
    })),
    ...['7,20 6 * * *', '30 6 1 * *'].map((cron) => ({ cron, timezone })),
  ];
  for (const schedule of schedules) {
    const { client, sent } = scripted<SchedulerClient>(() => undefined);
    await schedulerSchedules(client, target).put('one', schedule, true);
    const whole = sent[0]?.input.Target as { RetryPolicy: Record<string, number> } | undefined;
    ages.push(whole?.RetryPolicy.MaximumEventAgeInSeconds);
  }
  assert.deepEqual(ages, [60, 300, 900, 300, 60, 900, 180, 180, 780, 900]);
});

test('an event that the bus did not take is a transient fault', async () => {
  const taken = scripted<EventBridgeClient>(() => ({ FailedEntryCount: 0 }));
  await busEvents(taken.client, 'bus').publish({ type: 'Run Settled', detail: { syncId: 'one', epoch: 1 } });
  assert.deepEqual(taken.sent[0]?.input, {
    Entries: [
      {
        EventBusName: 'bus',
        Source: 'tailrace',
        DetailType: 'Run Settled',
        Detail: '{"syncId":"one","epoch":1}',
      },
    ],
  });
  const refused = scripted<EventBridgeClient>(() => ({ FailedEntryCount: 1 }));
  await assert.rejects(busEvents(refused.client, 'bus').publish({ type: 'Run Held', detail: {} }), {
    kind: 'transient',
    code: 'event_not_taken',
  });
});

test('of a batch that was partly taken the others are given back', async () => {
  const { client, sent } = scripted<SQSClient>(() => ({ Failed: [{ Id: '1' }] }));
  const messages = Array.from({ length: 12 }, (_, ordinal) => ({
    v: 1 as const,
    syncId: 'one',
    epoch: 1,
    shard: 0,
    ordinal,
  }));
  const refused = await sqsQueue(client, { environment: 'dev', urlPrefix: 'https://q/1' }).send(
    'crm',
    'bulk',
    messages,
  );
  assert.deepEqual(refused, [messages[1], messages[11]]);
  assert.deepEqual(
    sent.map(({ input }) => [input.QueueUrl, (input.Entries as unknown[]).length]),
    [
      ['https://q/1/tailrace-dev-crm-bulk', 10],
      ['https://q/1/tailrace-dev-crm-bulk', 2],
    ],
  );
});

test('a secret is one JSON object; what is there instead is never told', async () => {
  const of = (answer: unknown) => fetchSecret(scripted<SecretsManagerClient>(() => answer).client, 'id');
  assert.deepEqual(await of({ SecretString: '{"token":"t"}' }), { token: 't' });
  for (const SecretString of ['hunter2', '["hunter2"]', '"hunter2"', 'null', '']) {
    await assert.rejects(of({ SecretString }), (error: Error) => {
      assert.equal((error as { code?: string }).code, 'secret_invalid');
      assert.doesNotMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), /hunter2/);
      return true;
    });
  }
  await assert.rejects(of(awsError('ResourceNotFoundException')), { kind: 'config', code: 'secret_missing' });
});

const FAULTS: readonly (readonly [error: unknown, kind: string, code: string])[] = [
  [awsError('ThrottlingException'), 'transient', 'aws_unavailable'],
  [awsError('ProvisionedThroughputExceededException'), 'transient', 'aws_unavailable'],
  [awsError('Whatever', { $metadata: { httpStatusCode: 503 } }), 'transient', 'aws_unavailable'],
  [awsError('Whatever', { $retryable: {} }), 'transient', 'aws_unavailable'],
  [awsError('Error', { code: 'ECONNREFUSED' }), 'transient', 'aws_unavailable'],
  [awsError('TimeoutError'), 'transient', 'aws_unavailable'],
  [awsError('AccessDeniedException'), 'config', 'aws_access_denied'],
  [awsError('AccessDenied'), 'config', 'aws_access_denied'],
  [awsError('ResourceNotFoundException'), 'config', 'aws_resource_missing'],
  [awsError('ValidationException', { $metadata: { httpStatusCode: 400 } }), 'bug', 'aws_request_refused'],
  ['text', 'bug', 'aws_request_refused'],
];

test('what AWS throws has a kind, and its message stays out of ours', () => {
  for (const [error, kind, code] of FAULTS) {
    const fault = awsFault('calling', error);
    assert.deepEqual([fault.kind, fault.code], [kind, code], String(error));
    assert.doesNotMatch(fault.message, /hunter2/);
  }
});
