/**
 * Sends stage lines through the loader as it is deployed: definition and stage frozen in the bucket, `loadBatch`, a
 * destination that takes everything and remembers the bytes. Tells what became of each line.
 */

import * as z from 'zod';
import { acceptDefinition } from '../../shared/core/accept.ts';
import { makeCut } from '../../shared/core/batches.ts';
import { failuresPrefix, shardKey, stageManifestKey, stagePrefix, syncKey } from '../../shared/core/names.ts';
import { type Counts, unpackCounts } from '../../shared/core/outcomes.ts';
import type { Column, FailureRecord } from '../../shared/core/stage.ts';
import type { Sync } from '../../shared/core/sync.ts';
import type { Context, WriteRequest } from '../../shared/destinations/destination.ts';
import { writeFrozen } from '../../shared/engine/frozen.ts';
import { loadBatch } from '../../shared/engine/load-batch.ts';
import { ACCOUNT, memoryPorts } from '../memory/memory-ports.ts';

export type Loaded = {
  /** What the destination was sent, by row key: the JSON of the fields. */
  readonly sent: ReadonlyMap<string, string>;
  readonly failures: ReadonlyMap<string, FailureRecord>;
  readonly counts: Counts;
  /** Everything that was logged, counted by code. */
  readonly logged: readonly string[];
};

export type Loading = {
  readonly sync: Sync;
  readonly columns: readonly Column[];
  /** Lines of the stage, bytes as they lie there, without line feeds. */
  readonly lines: readonly (string | Uint8Array)[];
};

const EPOCH = 1;

/** Throws when the batch does not end in one delivery. */
export async function loadRows({ sync, columns, lines }: Loading): Promise<Loaded> {
  const ports = memoryPorts(1);
  const { syncId } = sync;
  const { objects, state, clock, telemetry } = ports;
  const body = Buffer.concat(lines.flatMap((line) => [Buffer.from(line as string), Buffer.from('\n')]));
  const key = `${stagePrefix(syncId, EPOCH, sync.destination.account)}0000`;
  objects.store(key, body);
  const meta = { content_length: body.length, record_count: lines.length };
  objects.store(
    stageManifestKey(syncId, EPOCH, sync.destination.account),
    JSON.stringify({ entries: [{ url: objects.url(key), meta }] }),
  );
  const definition = acceptDefinition(sync, undefined);
  await writeFrozen(objects, { v: 1, syncId, epoch: EPOCH, definition, columns });
  const files = [{ key, bytes: body.length, rows: lines.length }];
  const cut = makeCut({ files, rows: lines.length, bytes: body.length }, ACCOUNT);
  state.seed(syncKey(syncId), { epoch: EPOCH, phase: 'loading', cut });
  const sent = new Map<string, string>();
  const account = { ...ACCOUNT, name: sync.destination.account };
  const loader = { ...ports, account, destination: taking(sent) };
  const signal = new AbortController().signal;
  const message = { v: 1, syncId, epoch: EPOCH, shard: 0, ordinal: 0 } as const;
  const now = clock.now();
  const input = { message, receiveCount: 1, receivedAt: now, deadlineAt: now + 60_000, signal };
  let ended: unknown;
  loadBatch(loader, input).then(
    (result) => {
      ended = result;
    },
    (error: unknown) => {
      ended = error;
    },
  );
  await clock.runWhile(now + 60_000, () => ended !== undefined);
  if ((ended as { is?: string } | undefined)?.is !== 'done')
    throw new Error(`not loaded: ${String(JSON.stringify(ended))} ${String(ended)}`);
  return {
    sent,
    failures: failuresOf(ports.objects, syncId),
    counts: unpackCounts(String(state.peek(shardKey(syncId, EPOCH, 0))?.b0)),
    logged: telemetry.lines.map(({ code }) => code),
  };
}

const CLASS_A = {
  insert: 'idempotent',
  update: 'idempotent',
  upsert: 'idempotent',
  delete: 'idempotent',
} as const;

/** A destination that takes everything. */
function taking(sent: Map<string, string>) {
  return {
    forgetSecret: () => undefined,
    context: (signal: AbortSignal) => ({ settings: {}, signal }) as unknown as Context<unknown>,
    destination: {
      kind: 'calls' as const,
      name: 'memory',
      settings: z.object({}),
      target: z.object({ object: z.string() }),
      operations: () => CLASS_A,
      limits: () => ({ requestRowsMax: 100, requestBytesMax: 1_000_000, requestsInFlightMax: 2 }),
      check: async () => undefined,
      write: async (_ctx: unknown, _target: unknown, { rows }: WriteRequest) =>
        rows.map(({ key, fields }) => {
          sent.set(key, JSON.stringify(fields));
          return { key, is: 'accepted' as const };
        }),
    },
  };
}

function failuresOf(
  objects: ReturnType<typeof memoryPorts>['objects'],
  syncId: string,
): ReadonlyMap<string, FailureRecord> {
  const keys = objects.keys().filter((key) => key.startsWith(failuresPrefix(syncId, EPOCH)));
  const lines = keys.flatMap((key) =>
    Buffer.from(objects.bytes(key) ?? [])
      .toString('utf8')
      .split('\n'),
  );
  const records = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as FailureRecord);
  return new Map(records.map((record) => [record.row_key, record]));
}
