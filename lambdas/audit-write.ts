/** One record of the definitions table's stream, for the audit: what people wrote, or what the engine made of it. */
import type { AttributeValue as WireValue } from '@aws-sdk/client-dynamodb';
import type { DynamoDBRecord } from 'aws-lambda';
import * as z from 'zod';
import { itemFromWire } from '../shared/aws/attribute-values.ts';
import type { DefinitionAnswer } from '../shared/core/audit-record.ts';
import { type AuditPorts, auditAnswer, auditDefinition } from '../shared/engine/audit.ts';
import type { Item } from '../shared/ports.ts';

/** The status item's body, as far as it is kept. */
const answerSchema = z.object({
  state: z.enum(['accepted', 'refused', 'deleted']),
  version: z.int().nonnegative(),
  answers: z.string(),
  faults: z.array(z.object({ path: z.string(), code: z.string() })),
});

/** Throws Faults of the ports, and ZodError on a status item that is not ours. */
export async function auditWrite(ports: AuditPorts, { dynamodb = {} }: DynamoDBRecord): Promise<void> {
  const { Keys, SequenceNumber: sequence = '', ApproximateCreationDateTime: seconds = 0 } = dynamodb;
  const write = { syncId: Keys?.syncId?.S ?? '', sequence, at: seconds * 1000 };
  const before = imageOf(dynamodb.OldImage);
  const after = imageOf(dynamodb.NewImage);
  if (Keys?.item?.S === 'definition') return auditDefinition(ports, { ...write, before, after });
  if (Keys?.item?.S !== 'status' || after === undefined) return;
  const [last, next] = [before, after].map(answerOf);
  if (next !== undefined) await auditAnswer(ports, write, last, next);
}

/** Without the key, which says nothing about the definition that its own syncId does not. */
function imageOf(image: NonNullable<DynamoDBRecord['dynamodb']>['NewImage']): Item | undefined {
  return image === undefined ? undefined : itemFromWire(image as Record<string, WireValue>);
}

const answerOf = (item: Item | undefined): DefinitionAnswer | undefined =>
  item === undefined ? undefined : answerSchema.parse(JSON.parse(String(item.body)));
