/** Event source mappings of the template: queues and table streams to functions, permissions checked at start. */
import path from 'node:path';
import { z } from 'zod';
import type { LocalFunction } from '../functions/function.ts';
import { type Source, startQueueSource } from '../functions/queue-source.ts';
import { type StreamRecord, type StreamSource, startStreamSource } from '../functions/stream-source.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import type { Caller } from '../iam/caller.ts';
import { compilePattern } from '../patterns.ts';
import type { LocalQueue } from '../queue.ts';
import type { Delivery } from '../services/delivery.ts';
import type { Resource, Template } from '../template/template.ts';
import { functionArn } from './permissions.ts';

export type SourceContext = {
  readonly template: Template;
  readonly functions: readonly LocalFunction[];
  readonly queues: ReadonlyMap<string, LocalQueue>;
  readonly authorizer: Authorizer;
  readonly delivery: Delivery;
  readonly dataDir: string;
};

export type Sources = {
  readonly queueSources: readonly Source[];
  /** By the stream's ARN. */
  readonly streamSources: ReadonlyMap<string, readonly StreamSource[]>;
};

const mappingSchema = z.object({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  Enabled: z.boolean().default(true),
  BatchSize: z.coerce.number().int().min(1).optional(),
  MaximumBatchingWindowInSeconds: z.coerce.number().default(0),
  ScalingConfig: z.object({ MaximumConcurrency: z.coerce.number().int().min(2).optional() }).prefault({}),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  FilterCriteria: z.object({ Filters: z.array(z.object({ Pattern: z.string() })).default([]) }).prefault({}),
  MaximumRetryAttempts: z.coerce.number().int().default(-1),
  BisectBatchOnFunctionError: z.boolean().default(false),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).prefault({}),
});
type Mapping = z.infer<typeof mappingSchema>;

/** Lambda's own ceiling for a queue without a maximum concurrency; the function's limit is far lower here. */
const CONCURRENCY_MAX = 1000;

/** Starts every enabled mapping; throws AccessDeniedException when a role may not read its source. */
export function startSources(context: SourceContext): Sources {
  const queueSources: Source[] = [];
  const streamSources = new Map<string, StreamSource[]>();
  for (const resource of context.template.ofType('AWS::Lambda::EventSourceMapping')) {
    const mapping = mappingSchema.parse(resource.properties);
    if (!mapping.Enabled) continue;
    const target = targetOf(context, mapping);
    const arn = mapping.EventSourceArn;
    if (arn.startsWith('arn:aws:sqs:')) queueSources.push(fromQueue(context, mapping, target));
    else if (arn.startsWith('arn:aws:dynamodb:'))
      streamSources.set(arn, [
        ...(streamSources.get(arn) ?? []),
        fromStream(context, resource, mapping, target),
      ]);
    else throw new Error(`${resource.logicalId}: event source ${arn} is not implemented here`);
  }
  return { queueSources, streamSources };
}

function targetOf({ template, functions }: SourceContext, mapping: Mapping): LocalFunction {
  const arn = functionArn(template, mapping.FunctionName);
  const found = functions.find(({ settings }) => settings.arn === arn);
  if (found === undefined) throw new Error(`there is no function ${arn}`);
  return found;
}

const callerOf = ({ settings }: LocalFunction): Caller => ({
  is: 'role',
  roleArn: settings.roleArn,
  label: settings.logicalId,
});

function fromQueue(context: SourceContext, mapping: Mapping, target: LocalFunction): Source {
  const { authorizer, queues, template } = context;
  const queue = queues.get(mapping.EventSourceArn.split(':').at(-1) ?? '');
  if (queue === undefined) throw new Error(`there is no queue ${mapping.EventSourceArn}`);
  if (mapping.FilterCriteria.Filters.length > 0)
    throw new Error('filters of a queue are not implemented here');
  const { arn } = queue.settings;
  for (const act of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'])
    authorizer.authorize(callerOf(target), `sqs:${act}`, arn);
  authorizer.authorizeKey(callerOf(target), arn, 'kms:Decrypt', 'sqs');
  return startQueueSource(queue, target, {
    batchSize: mapping.BatchSize ?? 10,
    windowMs: mapping.MaximumBatchingWindowInSeconds * 1000,
    concurrency: mapping.ScalingConfig.MaximumConcurrency ?? CONCURRENCY_MAX,
    partial: mapping.FunctionResponseTypes.length > 0,
    region: template.region,
  });
}

function fromStream(
  context: SourceContext,
  resource: Resource,
  mapping: Mapping,
  target: LocalFunction,
): StreamSource {
  const { authorizer, dataDir } = context;
  const { logicalId } = resource;
  const streamArn = mapping.EventSourceArn;
  for (const act of ['DescribeStream', 'GetRecords', 'GetShardIterator'])
    authorizer.authorize(callerOf(target), `dynamodb:${act}`, streamArn);
  authorizer.authorize(
    callerOf(target),
    'dynamodb:ListStreams',
    `${streamArn.replace(/\/stream\/.*/, '')}/stream/*`,
  );
  return startStreamSource(target, {
    file: path.join(dataDir, 'streams', `${logicalId}.ndjson`),
    batchSize: mapping.BatchSize ?? 100,
    retriesMax: mapping.MaximumRetryAttempts,
    bisect: mapping.BisectBatchOnFunctionError,
    partial: mapping.FunctionResponseTypes.length > 0,
    filters: mapping.FilterCriteria.Filters.map(({ Pattern }) =>
      compilePattern(JSON.parse(Pattern), logicalId),
    ),
    bury: burial(context, mapping, target),
  });
}

/** Hands the records that failed for good to the mapping's failure destination, in Lambda's document. */
function burial({ delivery }: SourceContext, mapping: Mapping, target: LocalFunction) {
  const destination = mapping.DestinationConfig.OnFailure?.Destination;
  if (destination === undefined) return undefined;
  return (records: readonly StreamRecord[], attempts: number): void => {
    const document = {
      version: '1.0',
      timestamp: new Date().toISOString(),
      requestContext: {
        functionArn: target.settings.arn,
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: attempts,
      },
      DDBStreamBatchInfo: {
        shardId: 'local',
        startSequenceNumber: records[0]?.dynamodb.SequenceNumber,
        endSequenceNumber: records.at(-1)?.dynamodb.SequenceNumber,
        batchSize: records.length,
        streamArn: mapping.EventSourceArn,
      },
    };
    try {
      delivery.deliver(callerOf(target), destination, JSON.stringify(document));
    } catch (error) {
      console.error(
        `${target.settings.logicalId}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };
}
