/** The template's queues, kept under `queues/` of the data directory. */
import path from 'node:path';
import { z } from 'zod';
import { type LocalQueue, openQueue } from '../queue.ts';
import type { Resource, Template } from '../template/template.ts';
import { attribute } from './permissions.ts';

const DAY_SECONDS = 24 * 60 * 60;
const queueSchema = z.object({
  VisibilityTimeout: z.coerce.number().default(30),
  DelaySeconds: z.coerce.number().default(0),
  MessageRetentionPeriod: z.coerce.number().default(4 * DAY_SECONDS),
  RedrivePolicy: z
    .object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.coerce.number().int().min(1) })
    .optional(),
});

/** By name. */
export function openQueues(template: Template, dataDir: string): Map<string, LocalQueue> {
  const queues = new Map<string, LocalQueue>();
  for (const resource of template.ofType('AWS::SQS::Queue')) {
    const queue = openTemplateQueue(resource, dataDir, queues);
    queues.set(queue.settings.name, queue);
  }
  return queues;
}

function openTemplateQueue(
  resource: Resource,
  dataDir: string,
  queues: ReadonlyMap<string, LocalQueue>,
): LocalQueue {
  const parsed = queueSchema.parse(resource.properties);
  const name = attribute(resource, 'QueueName');
  const deadLettersName = parsed.RedrivePolicy?.deadLetterTargetArn.split(':').at(-1);
  return openQueue(
    {
      name,
      arn: attribute(resource, 'Arn'),
      visibilityMs: parsed.VisibilityTimeout * 1000,
      delayMs: parsed.DelaySeconds * 1000,
      retentionMs: parsed.MessageRetentionPeriod * 1000,
      receivesMax: parsed.RedrivePolicy?.maxReceiveCount ?? Number.POSITIVE_INFINITY,
      deadLetters: () => (deadLettersName === undefined ? undefined : queues.get(deadLettersName)),
    },
    path.join(dataDir, 'queues', `${name}.ndjson`),
  );
}

/** The queue behind a function's asynchronous invocations; nothing outlives a process in flight. */
export function openAsyncQueue(logicalId: string, dataDir: string): LocalQueue {
  return openQueue(
    {
      name: `async-${logicalId}`,
      arn: `local:async:${logicalId}`,
      visibilityMs: ASYNC_VISIBILITY_MS,
      delayMs: 0,
      retentionMs: DAY_SECONDS * 1000,
      receivesMax: Number.POSITIVE_INFINITY,
      deadLetters: () => undefined,
      startVisible: true,
    },
    path.join(dataDir, 'queues', 'asynchronous', `${logicalId}.ndjson`),
  );
}

/** Longer than any function may run: an event is given up by its function's end, not by time. */
const ASYNC_VISIBILITY_MS = 20 * 60 * 1000;
