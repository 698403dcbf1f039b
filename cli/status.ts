/** `tailrace status [sync]`: every sync in one table, or one sync with its last runs, its hold and its faults. */
import Table from 'cli-table3';
import type { Command } from 'commander';
import pc from 'picocolors';
import { Fault } from '../shared/core/fault.ts';
import type { RunStatus, SyncStatus } from '../shared/engine/sync-status.ts';
import { environmentOf } from './environment.ts';
import { invoke } from './invoke.ts';

export function addStatus(program: Command): void {
  program
    .command('status [sync]')
    .description('Show what syncs do and have done')
    .option('--json', 'one JSON document instead of a table')
    .action(async (syncId: string | undefined, { json }: { json?: boolean }) => {
      const one = syncId === undefined ? {} : { syncId };
      const answer = await invoke(await environmentOf(program), { verb: 'status', ...one });
      const syncs = (answer.syncs ?? []) as readonly SyncStatus[];
      if (json === true) return console.log(JSON.stringify({ syncs }, undefined, 2));
      if (syncId === undefined) return console.log(overview(syncs));
      const [sync] = syncs;
      if (sync === undefined) throw syncUnknown(syncId);
      console.log(detail(sync));
    });
}

const syncUnknown = (syncId: string): Fault =>
  new Fault('config', 'sync_unknown', `there is no sync ${syncId}, or it has never run`, {
    remedy: '`tailrace status` lists those that are there; `tailrace push` makes one.',
  });

/** One line per sync. */
export function overview(syncs: readonly SyncStatus[]): string {
  if (syncs.length === 0) return 'No sync has run yet. `tailrace push FILE` makes one.';
  const table = plainTable([
    'sync',
    'state',
    'run',
    'rows',
    'accepted',
    'rejected',
    'invalid',
    'failing',
    'ended',
  ]);
  for (const sync of syncs) {
    const run = sync.runs[0];
    table.push([sync.syncId, stateText(sync), ...runCells(run), String(sync.failures), endText(run)]);
  }
  return table.toString();
}

/** One sync, its last runs newest first. */
export function detail(sync: SyncStatus, now = Date.now()): string {
  const { definition } = sync;
  const lines = [`${pc.bold(sync.syncId)}  ${stateText(sync)}`];
  if (definition !== null) lines.push(`definition  version ${definition.version}, ${definition.state}`);
  for (const fault of definition?.faults ?? [])
    lines.push(`  ${fault.path}: ${fault.message}\n    → ${fault.remedy}`);
  if (sync.watermark !== null) lines.push(`watermark   ${sync.watermark}`);
  lines.push(`failing     ${sync.failures} rows wait for the warehouse to mend them`);
  lines.push(...standstill(sync, now));
  const table = plainTable(['run', 'rows', 'accepted', 'rejected', 'invalid', 'state', 'ended']);
  for (const run of sync.runs) table.push([...runCells(run), run.code ?? run.state, endText(run)]);
  const reason = sync.runs[0]?.reason;
  if (reason !== undefined && reason !== null) lines.push(`reason      ${reason}`);
  return [...lines, '', table.toString()].join('\n');
}

/** Why nothing goes on, since or until when, and what to type. */
function standstill({ syncId, phase, hold, paused, waiting, notBefore }: SyncStatus, now: number): string[] {
  const lines: string[] = [];
  if (hold !== null) {
    lines.push(pc.yellow(`held        ${hold.reasons.map((reason) => reason.message).join('; ')}`));
    lines.push(`            tailrace approve ${syncId} ${hold.planHash}`);
    lines.push(`            tailrace discard ${syncId} ${hold.planHash}`);
    lines.push(`            if nobody decides, it is discarded at ${momentText(hold.until)} UTC`);
  }
  if (paused) {
    lines.push(pc.yellow(`paused      since ${momentText(paused.at)} UTC: ${paused.code}`));
    lines.push(`            tailrace resume ${syncId}`);
  }
  if (waiting !== null) {
    const { account, why, until } = waiting;
    lines.push(pc.yellow(`waiting     for ${account} until ${momentText(until)} UTC: ${WAITING[why]}`));
  }
  if (phase === 'idle' && notBefore > now)
    lines.push(
      `next run    not before ${momentText(notBefore)} UTC: what the last one sent may still be on its way`,
    );
  return lines;
}

function runCells(run: RunStatus | undefined): string[] {
  if (run === undefined) return ['', '', '', '', ''];
  const { accepted, rejected, invalid } = run.counts;
  return [
    `#${run.epoch}`,
    String(run.extraction?.extracted ?? ''),
    ...[accepted, rejected, invalid].map(String),
  ];
}

function stateText({ paused, phase, definition, waiting, runs: [run] }: SyncStatus): string {
  if (paused) return pc.yellow(`paused (${paused.code})`);
  if (phase === 'held') return pc.yellow('held');
  if (waiting !== null) return pc.yellow(`waits for ${waiting.account}`);
  if (definition?.state === 'refused') return pc.red(`${phase}, edit refused`);
  // Between two runs people want to know how the last one ended.
  if (phase === 'idle' && (run?.state === 'failed' || run?.state === 'fenced'))
    return pc.red(`${run.state} (${run.code ?? 'no reason'})`);
  return phase;
}

const endText = (run: RunStatus | undefined): string =>
  run?.endedAt === null || run === undefined ? '' : momentText(run.endedAt);

const momentText = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');

const WAITING = {
  breaker_open: 'it could not be reached, and is tried again then',
  told_to_wait: 'it asked for that (Retry-After), or refused requests',
} as const;

/** Columns and a line below the head; nothing to be cut away when it is copied. */
function plainTable(head: readonly string[]) {
  const chars = { ...NO_LINES, mid: '', 'mid-mid': '', 'left-mid': '', 'right-mid': '' };
  return new Table({
    head: head.map((name) => pc.dim(name)),
    chars,
    style: { head: [], 'padding-left': 0, 'padding-right': 2 },
  });
}

const NO_LINES = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' },
  ...{ 'bottom-left': '', 'bottom-right': '', left: '', right: '', middle: '' },
};
