/**
 * An update of the state port in DynamoDB's expression language. Every name and value goes through a placeholder, so
 * reserved words and odd names cannot break it.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Attribute, Condition, Update } from '../ports.ts';
import { toWire } from './attribute-values.ts';

export type UpdateExpressions = {
  UpdateExpression?: string;
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, AttributeValue>;
};

/** Throws what `toWire` throws. */
export function updateExpressions(update: Update): UpdateExpressions {
  const placeholders = makePlaceholders();
  const { name, value } = placeholders;
  const sets = [
    ...entries(update.set).map(([attribute, to]) => `${name(attribute)} = ${value(to)}`),
    ...entries(update.setIfAbsent).map(
      ([attribute, to]) => `${name(attribute)} = if_not_exists(${name(attribute)}, ${value(to)})`,
    ),
    ...entries(update.add).map(([attribute, by]) => `${name(attribute)} = ${name(attribute)} + ${value(by)}`),
  ];
  const clauses = [
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    ...(update.remove?.length ? [`REMOVE ${update.remove.map(name).join(', ')}`] : []),
  ];
  const conditions = (update.when ?? []).map((one) => condition(one, placeholders));
  return {
    ...(clauses.length > 0 ? { UpdateExpression: clauses.join(' ') } : {}),
    ...(conditions.length > 0 ? { ConditionExpression: conditions.join(' AND ') } : {}),
    ...placeholders.used(),
  };
}

const entries = <T>(record: Readonly<Record<string, T>> | undefined): [string, T][] =>
  Object.entries(record ?? {});

type Placeholders = {
  name(attribute: string): string;
  value(value: Attribute): string;
  used(): Pick<UpdateExpressions, 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>;
};

function makePlaceholders(): Placeholders {
  const names = new Map<string, string>();
  const values: Record<string, AttributeValue> = {};
  let valueCount = 0;
  return {
    name: (attribute) => {
      const placeholder = names.get(attribute) ?? `#n${names.size}`;
      names.set(attribute, placeholder);
      return placeholder;
    },
    value: (value) => {
      const placeholder = `:v${valueCount}`;
      valueCount += 1;
      values[placeholder] = toWire(value);
      return placeholder;
    },
    used: () => ({
      ...(names.size > 0
        ? {
            ExpressionAttributeNames: Object.fromEntries([...names].map(([name, mark]) => [mark, name])),
          }
        : {}),
      ...(valueCount > 0 ? { ExpressionAttributeValues: values } : {}),
    }),
  };
}

function condition(one: Condition, placeholders: Placeholders): string {
  if ('any' in one) return anyOf(one.any, placeholders);
  const name = placeholders.name(one.attribute);
  switch (one.is) {
    case 'absent':
      return `attribute_not_exists(${name})`;
    case 'present':
      return `attribute_exists(${name})`;
    case '=':
      return `${name} = ${placeholders.value(one.value)}`;
    case '!=':
      return `(attribute_not_exists(${name}) OR ${name} <> ${placeholders.value(one.value)})`;
    default:
      return `${name} ${one.is} ${placeholders.value(one.value)}`;
  }
}

/** None of nothing holds: an attribute that every item has is asked to be absent from an item that has it. */
function anyOf(conditions: readonly Condition[], placeholders: Placeholders): string {
  if (conditions.length === 0) {
    const key = placeholders.name('partition');
    return `(attribute_exists(${key}) AND attribute_not_exists(${key}))`;
  }
  return `(${conditions.map((one) => condition(one, placeholders)).join(' OR ')})`;
}
