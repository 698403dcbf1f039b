/**
 * The audit bucket: each object is written on the condition that it is not there. The bucket's policy refuses a write
 * without that condition, so nothing is written over by a mistake here either.
 */
import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Fault } from '../core/fault.ts';
import type { AuditLog } from '../ports.ts';
import { awsCall, nameOf } from './aws-fault.ts';

/** The audit port on one bucket; throws Faults only (`awsFault`). */
export function s3Audit(client: S3Client, bucket: string): AuditLog {
  return {
    put: (key, body) =>
      awsCall('PutObject in the audit bucket', async () => {
        const command = new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: body,
          ContentType: 'application/json',
          IfNoneMatch: '*',
        });
        try {
          await client.send(command);
          return 'written';
        } catch (error) {
          const name = nameOf(error);
          if (name === 'PreconditionFailed') return 'there';
          // Two writers at once: one of them wins, and the next try sees it.
          if (name === 'ConditionalRequestConflict') {
            throw new Fault('transient', 'aws_unavailable', `PutObject in the audit bucket: ${name}`);
          }
          throw error;
        }
      }),
    names: (prefix, after) => names(client, bucket, prefix, after),
  };
}

async function* names(
  client: S3Client,
  bucket: string,
  prefix: string,
  after: string,
): AsyncGenerator<string> {
  let token: string | undefined;
  do {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      ...(token === undefined ? { StartAfter: after } : { ContinuationToken: token }),
    });
    const page = await awsCall('ListObjectsV2 of the audit bucket', () => client.send(command));
    for (const { Key = '' } of page.Contents ?? []) yield Key;
    token = page.NextContinuationToken;
  } while (token !== undefined);
}
