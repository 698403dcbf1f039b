/**
 * From the stage's lines to requests: each line is parsed, mapped and put into a group; what is not sent (invalid,
 * skipped, dead, unknown) ends here.
 */
import { asFault } from '../core/fault.ts';
import type { MappedLine } from '../core/mapping.ts';
import type { StageLine } from '../core/stage.ts';
import { type Delivery, failRow } from './load-batch-delivery.ts';
import { SKIPPED } from './load-batch-ledger.ts';
import { AT_FULL_SPEED, ONE_REQUEST, ONE_ROW_AGAIN } from './load-batch-point.ts';
import type { LineBlock } from './read-batch.ts';
import { type Group, type GroupBuilder, groupBuilder } from './send-rows-group.ts';
import { failUnknown } from './send-rows-unknown.ts';

/** The requests of a batch in order. Isolated: for one request's worth of lines every row is alone. */
export async function* groupsOf(d: Delivery, blocks: AsyncIterable<LineBlock>): AsyncGenerator<Group> {
  const { found } = d.point;
  const isolated = found.crashes >= ONE_REQUEST && found.job === undefined ? d.plan.rowsMax : 0;
  let builder = groupBuilder(d.plan, isolated > 0 ? 1 : d.plan.rowsMax);
  for await (const { texts, starts, ends } of blocks) {
    for (let at = 0; at < texts.length; at += 1) {
      const start = starts[at] ?? 0;
      const end = ends[at] ?? start;
      const index = d.ledger.add(start, end);
      if (index === isolated && isolated > 0) {
        yield* builder.rest();
        builder = groupBuilder(d.plan);
      }
      // A job's request must come out as it went in.
      if (start === found.job?.to) for (const group of builder.rest()) yield ofJob(d, group);
      const group = takeLine(d, builder, { text: texts[at] ?? '', index, bytes: end - start, start });
      if (group !== undefined) yield ofJob(d, group);
    }
  }
  for (const group of builder.rest()) yield ofJob(d, group);
}

/** The request that a former delivery submitted as a job. */
function ofJob(d: Delivery, group: Group): Group {
  const { found } = d.point;
  const first = d.ledger.start(group.indexes[0] ?? 0);
  if (found.job !== undefined && first < found.job.to) group.jobId = found.job.id;
  return group;
}

type Line = {
  readonly text: string;
  readonly index: number;
  readonly bytes: number;
  readonly start: number;
};

function takeLine(
  d: Delivery,
  builder: GroupBuilder,
  { text, index, bytes, start }: Line,
): Group | undefined {
  const line = parsed(d, text, index);
  if (line === undefined) return undefined;
  if (index === 0 && d.point.found.crashes >= ONE_ROW_AGAIN && d.point.found.job === undefined) {
    failRow(d, index, line, CRASHED);
    return undefined;
  }
  const mapped = mappedLine(d, line, index);
  if (mapped === undefined) return undefined;
  if (mapped.is === 'skipped') {
    d.ledger.finish(index, SKIPPED);
    return undefined;
  }
  if (mapped.is === 'invalid') {
    const { code, reason } = mapped;
    // What SQL found may be mended by a check or a neighbour; what the mapping found, only by its value or itself.
    const isPermanent = line.o !== 'i';
    failRow(d, index, line, { kind: 'invalid', code, reason, isPermanent });
    return undefined;
  }
  const { operation, row } = mapped;
  if (isUnknown(d, operation, start)) {
    failUnknown(d, index, line);
    return undefined;
  }
  const sendable = { operation, row, line, index, lineBytes: bytes };
  const oversize = builder.oversize(sendable);
  if (oversize !== undefined) {
    const reason = `the row has ${oversize} bytes, a request may have ${d.plan.bytesMax}`;
    failRow(d, index, line, { kind: 'invalid', code: 'row_too_large', reason, isPermanent: false });
    return undefined;
  }
  return builder.add(sendable);
}

const CRASHED = {
  kind: 'dead',
  code: 'crashed_loader',
  reason: 'the loader ended without an answer again and again at this row alone',
  isPermanent: true,
  isPerhapsHeld: true,
} as const;

/** Undefined for a line that is no JSON object: the stage is ours, so that is a bug, and its neighbours go on. */
function parsed(d: Delivery, text: string, index: number): StageLine | undefined {
  const found = objectIn(text);
  if (found !== undefined) return found;
  report(d, 'stage_line_broken', index);
  const key = keyIn(text);
  const reason = 'the line of the stage is no JSON object';
  // Without a key there is nothing to record; `invalid` is the one kind that need not be.
  const kind = key === null ? 'invalid' : 'dead';
  const line = { k: key, f: null, n: '0', x: '0' } as const;
  failRow(d, index, line, { kind, code: 'stage_line_broken', reason, isPermanent: false });
  return undefined;
}

function objectIn(text: string): StageLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as StageLine)
      : undefined;
  } catch {
    return undefined;
  }
}

function keyIn(text: string): string | null {
  const found = /"k"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text);
  try {
    return found?.[1] === undefined ? null : (JSON.parse(found[1]) as string);
  } catch {
    return null;
  }
}

/** A mapping that throws would throw again: the row is dead, its neighbours go on, and we are told. */
function mappedLine(d: Delivery, line: StageLine, index: number): MappedLine | undefined {
  try {
    return d.plan.mapping.map(line);
  } catch (error) {
    report(d, 'mapping_failed', index, asFault(error).code);
    const reason = 'the mapping failed on this row; this is an error of the engine';
    failRow(d, index, line, { kind: 'dead', code: 'mapping_failed', reason, isPermanent: false });
    return undefined;
  }
}

/** Class C: a call for this row was begun and its answer is lost; nobody knows whether it took effect. */
function isUnknown(d: Delivery, operation: Group['operation'], start: number): boolean {
  const { claimedTo, crashes, job } = d.point.found;
  if (claimedTo === undefined || start >= claimedTo || job !== undefined) return false;
  return crashes >= AT_FULL_SPEED && d.plan.classOf[operation] === 'unsafe' && d.plan.unknowns !== 'resend';
}

function report(d: Delivery, code: string, index: number, fault = ''): void {
  const { syncId, epoch, shard, ordinal } = d.message;
  d.ports.telemetry.log('error', code, {
    syncId,
    epoch,
    shard,
    ordinal,
    offset: d.ledger.start(index),
    fault,
  });
}
