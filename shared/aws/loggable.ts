/**
 * What may be logged: an allow-list of field names, and under each only ids, codes, counts and times. Redaction is by
 * structure and not by pattern, so a secret or a row value has no way into a log, whatever it looks like.
 */
import type { Attribute } from '../ports.ts';

export type LoggableFields = Record<string, string | number | boolean | null | string[]>;

/**
 * The fields that may be logged as they are; `dropped` tells how many may not. Where a sync and an epoch are named, `run`
 * is both in one: what one run is looked for by.
 */
export function loggable(fields: Readonly<Record<string, Attribute>>): LoggableFields {
  const kept: LoggableFields = {};
  let dropped = 0;
  for (const [name, value] of Object.entries(fields)) {
    const safe = LOGGABLE.has(name) ? safeValue(value) : undefined;
    if (safe === undefined) dropped += 1;
    else kept[name] = safe;
  }
  const { syncId, epoch } = kept;
  if (typeof syncId === 'string' && typeof epoch === 'number') kept.run = `${syncId}/${epoch}`;
  return dropped > 0 ? { ...kept, dropped } : kept;
}

/** Names, ids and codes of ours: no spaces, no quotes, nothing that a sentence or a value needs. */
const WORD = /^[\w.:#/@-]{1,160}$/;
const LIST_MAX = 20;

function safeValue(value: Attribute): LoggableFields[string] | undefined {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return WORD.test(value) ? value : undefined;
  if (!Array.isArray(value)) return undefined;
  const words = value.filter((one): one is string => typeof one === 'string' && WORD.test(one));
  return words.length === value.length ? words.slice(0, LIST_MAX) : undefined;
}

const LOGGABLE: ReadonlySet<string> = new Set([
  // Who and where.
  ...[
    'syncId',
    'epoch',
    'shard',
    'ordinal',
    'account',
    'lane',
    'statementId',
    'owner',
    'requestId',
    'offset',
  ],
  // What happened.
  ...['code', 'fault', 'kind', 'type', 'phase', 'state', 'verb', 'pause', 'reasons', 'is', 'version'],
  ...['definitionVersion', 'faultName', 'receiveCount', 'crashes', 'deferrals', 'generation', 'status'],
  // How many.
  ...['rows', 'accepted', 'rejected', 'invalid', 'skipped', 'dead', 'extracted', 'unchanged', 'added'],
  ...['changed', 'removed', 'carried', 'nullKeys', 'modelRows', 'failures', 'batches', 'shards', 'messages'],
  ...['looked', 'failed', 'started', 'requests', 'bytes', 'count'],
  // When and how long.
  ...['at', 'ms', 'durationMs', 'afterMs', 'waitMs', 'retryAfterMs', 'until', 'scheduledAt', 'deadlineAt'],
]);
