/**
 * Every name that two parts of the system must agree on: ids, state keys, object keys, statement names.
 */

import { hash } from 'node:crypto';

/** AWS tells roles apart by their session too: statements belong to it, whoever goes on with them. Decision 0060. */
export const warehouseSessionName = (environment: string): string => `tailrace-${environment}`;

/** A sync id is a name in URLs, S3 keys, SQL identifiers and schedules: short, lower case, no surprises. */
export const SYNC_ID = /^[a-z][a-z0-9-]{0,47}$/;
/** A destination account's name, the same rule. */
export const ACCOUNT_NAME = /^[a-z][a-z0-9-]{0,39}$/;
/** An environment's name, the same rule, shorter: it is part of every resource's name. */
export const ENVIRONMENT_NAME = /^[a-z][a-z0-9-]{0,15}$/;

const EPOCH_DIGITS = 10;
const padded = (epoch: number): string => String(epoch).padStart(EPOCH_DIGITS, '0');

export type ItemKey = { readonly partition: string; readonly sort: string };

export const SYNC_PARTITION = 'SYNC';
export const syncKey = (syncId: string): ItemKey => ({ partition: SYNC_PARTITION, sort: syncId });
export const runKey = (syncId: string, epoch: number): ItemKey => ({
  partition: `RUN#${syncId}`,
  sort: padded(epoch),
});
export const shardKey = (syncId: string, epoch: number, shard: number): ItemKey => ({
  partition: `SHARD#${syncId}#${epoch}`,
  sort: String(shard).padStart(6, '0'),
});
export const budgetKey = (account: string): ItemKey => ({ partition: `BUDGET#${account}`, sort: '-' });
export const breakerKey = (account: string): ItemKey => ({ partition: `BREAKER#${account}`, sort: '-' });

/** What runs of a sync are frozen from: where people cannot write, or nothing that they wrote would have to be checked. */
export const acceptedKey = (syncId: string): ItemKey => ({ partition: ACCEPTED_PARTITION, sort: syncId });
export const ACCEPTED_PARTITION = 'ACCEPTED';

/** What the owner of a sync has been told; beside the engine's own items, and no run depends on it. */
export const NOTICE_PARTITION = 'NOTICE';
export const noticeKey = (syncId: string): ItemKey => ({ partition: NOTICE_PARTITION, sort: syncId });
/** What operators have been told needs somebody: one item, and no run depends on it. */
export const ATTENTION_KEY: ItemKey = { partition: 'ATTENTION', sort: '-' };

/**
 * `runs/<sync>/<epoch>/`: what only the run itself needs, immutable. It expires by age: nothing that stays in a state item
 * names an object here for longer than a run and its hold may last.
 */
export const runPrefix = (syncId: string, epoch: number): string => `runs/${syncId}/${padded(epoch)}/`;
export const frozenDefinitionKey = (syncId: string, epoch: number): string =>
  `${runPrefix(syncId, epoch)}definition.json`;
/** Counts of the extraction, kept beside the stage: the warehouse forgets its results after a day. */
export const countsKey = (syncId: string, epoch: number): string => `${runPrefix(syncId, epoch)}counts.json`;
/**
 * Stage files lie under it; Redshift's verbose manifest is this prefix + `manifest`. The account is part of it, so that
 * a loader's role can be held to the rows that its own account is sent.
 */
export const stagePrefix = (syncId: string, epoch: number, account: string): string =>
  `${runPrefix(syncId, epoch)}stage/${account}/`;
export const stageManifestKey = (syncId: string, epoch: number, account: string): string =>
  `${stagePrefix(syncId, epoch, account)}manifest`;
/**
 * `kept/<sync>/<epoch>/`: the failure set of a run, immutable. SYNC points to it until a later run flips, however long
 * that takes, so it never expires by age alone: only once it is marked as superseded.
 */
export const keptPrefix = (syncId: string, epoch: number): string => `kept/${syncId}/${padded(epoch)}/`;
/** The mark, an object tag: the bucket's lifecycle looks for it. */
export const SUPERSEDED_TAG = { key: 'superseded', value: 'true' } as const;
/** Failure records of keys that this run did not try again, in the format of failure objects. */
export const carriedPrefix = (syncId: string, epoch: number): string =>
  `${keptPrefix(syncId, epoch)}carried/`;
export const carriedManifestKey = (syncId: string, epoch: number): string =>
  `${carriedPrefix(syncId, epoch)}manifest`;
export const failuresPrefix = (syncId: string, epoch: number): string =>
  `${keptPrefix(syncId, epoch)}failures/`;

/** A failure object's name carries its number of lines, so that a finish can count without reading. */
export const failureObjectKey = (
  syncId: string,
  epoch: number,
  batch: { shard: number; ordinal: number },
  deliveryId: string,
  lines: number,
): string => `${failuresPrefix(syncId, epoch)}${batch.shard}-${batch.ordinal}-${deliveryId}-${lines}.ndjson`;

/** The inverse of `failureObjectKey` for the lines; undefined for any other name. */
export function failureObjectLines(key: string): number | undefined {
  const found = /-(\d{1,9})\.ndjson$/.exec(key);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

/**
 * The manifest that SYNC points to: failure objects and carried files of one epoch, in COPY's format. Named by
 * the finish that wrote it, since two that race may list different objects and SYNC carries the winner's count.
 */
export const failureManifestKey = (syncId: string, epoch: number, finishId: string): string =>
  `${keptPrefix(syncId, epoch)}failures.${finishId}.manifest`;

/** Evidence of a message that came to the dead-letter queue. */
export const deadLetterKey = (
  syncId: string,
  epoch: number,
  batch: { shard: number; ordinal: number },
  deliveryId: string,
): string => `${runPrefix(syncId, epoch)}dead/${batch.shard}-${batch.ordinal}-${deliveryId}.json`;

/**
 * Where a check writes one row to prove that UNLOAD works: under the very grant that runs use, and beside every sync,
 * since no sync id and no account's name begins with a digit.
 */
export const probePrefix = (probeId: string): string => `runs/0-doctor/${probeId}/stage/0-doctor/`;
/** `id` of the item that a check looks for to prove that a table answers; nobody writes it. */
export const PROBE_ID = '0-doctor';

/** Name of the Data API statement; the finish event carries it back, so nothing needs looking up. */
export const statementName = (environment: string, syncId: string, epoch: number): string =>
  `tailrace/${environment}/${syncId}/${epoch}`;

/** The inverse of `statementName`, or undefined for a statement that is not this environment's. */
export function parseStatementName(
  environment: string,
  name: string,
): { syncId: string; epoch: number } | undefined {
  const [product, env, syncId = '', epoch = '', ...rest] = name.split('/');
  if (product !== 'tailrace' || env !== environment || rest.length > 0) return undefined;
  if (!SYNC_ID.test(syncId) || !/^[1-9]\d{0,9}$/.test(epoch)) return undefined;
  return { syncId, epoch: Number(epoch) };
}

/** Name of the queue of one lane of an account; all lanes of an environment share one URL prefix. */
export const laneQueueName = (environment: string, account: string, lane: 'express' | 'bulk'): string =>
  `tailrace-${environment}-${account}-${lane}`;

/** Name of the secret of an account: a JSON object that the destination's page describes. */
export const secretName = (environment: string, account: string): string =>
  `tailrace/${environment}/${account}`;

/** Everything that is kept of one sync's runs in the audit bucket, in the order of epochs. */
export const auditRunsPrefix = (syncId: string): string => `runs/${syncId}/`;
export const auditRunKey = (syncId: string, epoch: number): string =>
  `${auditRunsPrefix(syncId)}${padded(epoch)}.json`;

/** The inverse of `auditRunKey`; undefined for any other name. */
export function auditedEpoch(key: string): number | undefined {
  const found = /\/(\d{10})\.json$/.exec(key);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

/** One write of a definition, or one answer to it: a stream's sequence numbers grow and have up to 40 digits. */
export const auditDefinitionKey = (syncId: string, sequence: string, what: string): string =>
  `definitions/${auditName(syncId)}/${sequence.padStart(40, '0')}-${what}.json`;

/** What a person asked for, and what came of it; `at` first, so that a listing is in the order of time. */
export const auditOperationKey = (
  syncId: string,
  operation: { readonly at: number; readonly requestId: string; readonly verb: string },
  what: 'asked' | 'answered',
): string => {
  const { at, requestId, verb } = operation;
  return `operations/${syncId}/${new Date(at).toISOString()}-${requestId}-${verb}-${what}.json`;
};

/** An item's key is whatever somebody wrote: what is no sync id is named by its hash, and nothing else of it is kept. */
const auditName = (syncId: string): string =>
  SYNC_ID.test(syncId) ? syncId : `unnamed-${hash('sha256', syncId, 'hex').slice(0, 16)}`;
