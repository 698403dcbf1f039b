/**
 * What the demonstration came to: every run reconciled, every failed row with its reason, every check. As a document for
 * `--json`, as tables for people.
 */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { FailureGroup } from './failures.ts';
import type { EndedRun } from './observe.ts';

export type Check = { readonly name: string; readonly ok: boolean; readonly detail: string };

export type ReportedRun = {
  readonly sync: string;
  readonly epoch: number;
  readonly ended: string;
  readonly code: string | null;
  readonly extracted: number;
  readonly unchanged: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly invalid: number;
  readonly skipped: number;
  readonly dead: number;
  /** Rows that failed before and were not tried again. */
  readonly carried: number;
  readonly reconciles: boolean;
};

export type Report = {
  readonly ok: boolean;
  readonly seconds: number;
  readonly runs: readonly ReportedRun[];
  readonly failures: readonly FailureGroup[];
  readonly checks: readonly Check[];
};

/** A run as it is told. A run that did not commit reconciles by having moved nothing: it has no counts. */
export function reportedRun({ syncId, epoch, result }: EndedRun): ReportedRun {
  const { extraction, counts } = result;
  const { accepted = 0, rejected = 0, invalid = 0, skipped = 0, dead = 0 } = counts ?? {};
  const extracted = counts === undefined ? 0 : (extraction?.extracted ?? 0);
  return {
    sync: syncId,
    epoch,
    ended: result.ended,
    code: result.code ?? null,
    extracted,
    unchanged: extraction?.unchanged ?? 0,
    added: extraction?.added ?? 0,
    changed: extraction?.changed ?? 0,
    removed: extraction?.removed ?? 0,
    ...{ accepted, rejected, invalid, skipped, dead },
    carried: extraction?.carried ?? 0,
    reconciles: extracted === accepted + rejected + invalid + skipped + dead,
  };
}

/** The report as tables; runs that found nothing are counted, not listed. */
export function reportText({ runs, failures, checks, seconds }: Report): string {
  return [
    pc.bold('Every run, row by row: extracted = accepted + rejected + invalid + skipped + dead'),
    runsTable(runs),
    pc.bold('Rows that failed, and why'),
    failuresTable(failures),
    pc.bold('Checks'),
    ...checks.map(checkLine),
    '',
    verdict(checks, seconds),
  ].join('\n');
}

function runsTable(runs: readonly ReportedRun[]): string {
  const head = [
    'sync',
    'run',
    'extracted',
    '=',
    'accepted',
    '+',
    'rejected',
    '+',
    'invalid',
    '+',
    'skipped',
    '+',
    'dead',
  ];
  const table = new Table({
    head: [...head, '', 'unchanged'].map((name) => pc.dim(name)),
    chars: BARE,
    style: { head: [], 'padding-left': 0, 'padding-right': 1 },
    colAligns: ['left', 'left', ...Array.from({ length: 13 }, () => 'right' as const)],
  });
  const told = runs.filter((run) => run.extracted > 0 || run.ended !== 'committed');
  for (const run of told) table.push(runCells(run));
  const empty = runs.length - told.length;
  const rest = empty === 0 ? '' : pc.dim(`\n… and ${empty} runs that found nothing to send`);
  return `${table.toString()}${rest}\n`;
}

function runCells(run: ReportedRun): string[] {
  const { sync, epoch, extracted, accepted, rejected, invalid, skipped, dead, unchanged } = run;
  const mark = run.reconciles ? pc.green('✓') : pc.red('✗');
  const counts = [accepted, rejected, invalid, skipped, dead].map(number).flatMap((text) => ['', text]);
  const state = run.ended === 'committed' ? mark : pc.yellow(run.code ?? run.ended);
  return [sync, `#${epoch}`, number(extracted), ...counts, state, number(unchanged)];
}

function failuresTable(failures: readonly FailureGroup[]): string {
  if (failures.length === 0) return 'none\n';
  const table = new Table({
    head: ['sync', 'rows', 'kind', 'code', 'reason', 'keys'].map((name) => pc.dim(name)),
    chars: BARE,
    style: { head: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: ['left', 'right', 'left', 'left', 'left', 'left'],
  });
  for (const { sync, rows, kind, code, reason, keys } of failures) {
    table.push([sync, number(rows), kind, code, short(reason, 38), short(keys.join(', '), 22)]);
  }
  return `${table.toString()}\n`;
}

const checkLine = ({ name, ok, detail }: Check): string =>
  `${ok ? pc.green('✓') : pc.red('✗')} ${name}${detail === '' ? '' : pc.dim(`  ${detail}`)}`;

function verdict(checks: readonly Check[], seconds: number): string {
  const failed = checks.filter((check) => !check.ok).length;
  const time = `${seconds.toFixed(0)} s`;
  return failed === 0
    ? pc.green(pc.bold(`All ${checks.length} checks hold, in ${time}.`))
    : pc.red(pc.bold(`${failed} of ${checks.length} checks do not hold (${time}).`));
}

const number = (value: number): string => value.toLocaleString('en-US');
const short = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max - 1)}…` : text;

const BARE = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' },
  ...{ 'bottom-left': '', 'bottom-right': '', left: '', 'left-mid': '', mid: '', 'mid-mid': '' },
  ...{ right: '', 'right-mid': '', middle: '' },
};
