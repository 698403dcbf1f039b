/** Does what the event says, with the function's own permissions: calls an API, fails, waits, hangs, exits, tells about itself. */
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as eventbridge from '@aws-sdk/client-eventbridge';
import * as s3 from '@aws-sdk/client-s3';
import * as scheduler from '@aws-sdk/client-scheduler';
import * as secrets from '@aws-sdk/client-secrets-manager';
import * as sqs from '@aws-sdk/client-sqs';
import * as sts from '@aws-sdk/client-sts';

const sdk = { dynamodb, eventbridge, s3, scheduler, secrets, sqs, sts };
let invocations = 0;

export async function handler(event, context) {
  invocations += 1;
  if (event.fail) throw new TypeError(event.fail);
  if (event.exit) process.exit(3);
  if (event.inside) writeFileSync(event.inside, '');
  while (event.until && !existsSync(event.until)) await sleep(5);
  if (event.hang) await sleep(60_000);
  if (event.call) return call(event.call);
  return {
    invocations,
    role: process.env.PROBE_NAME,
    remainingMs: context.getRemainingTimeInMillis(),
    home: process.env.HOME,
  };
}

async function call({ api, client, command, input, as }) {
  const module = sdk[api];
  const settings = as === undefined ? {} : { credentials: await assumed(as) };
  const sender = new module[client]({ maxAttempts: 1, ...settings });
  try {
    const { $metadata, Body, ...output } = await sender.send(new module[command](input));
    return { ok: true, output: Body === undefined ? output : { body: await Body.transformToString() } };
  } catch (error) {
    return { ok: false, name: error.name, message: error.message, item: error.Item };
  }
}

async function assumed(RoleArn) {
  const answer = await new sts.STSClient({}).send(
    new sts.AssumeRoleCommand({ RoleArn, RoleSessionName: 'probe' }),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken } = answer.Credentials;
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}
