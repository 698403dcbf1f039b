/**
 * What the demonstration came to: every run reconciled, every failed row with its reason, every check. As a document for
 * `--json`, as tables for people.
 */
import pc from 'picocolors';
import { type Column, tableLines } from './columns.ts';
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

/** The report as tables of fewer than `width` characters; runs that found nothing are counted, not listed. */
export function reportText({ runs, failures, checks, seconds }: Report, width: number): string {
  return [
    pc.bold('Every run, row by row: extracted = accepted + rejected + invalid + skipped + dead'),
    runsTable(runs, width),
    pc.bold('Rows that failed, and why'),
    failuresTable(failures, width),
    pc.bold('Checks'),
    ...checks.map(checkLine),
    '',
    verdict(checks, seconds),
  ].join('\n');
}

function runsTable(runs: readonly ReportedRun[], width: number): string {
  const told = runs.filter((run) => run.extracted > 0 || run.ended !== 'committed');
  const table = tableLines(runColumns(told), told, width);
  const empty = runs.length - told.length;
  const rest = empty === 0 ? [] : [pc.dim(`… and ${empty} runs that found nothing to send`)];
  return [...table, ...rest, ''].join('\n');
}

/** Where there is no room for all, counts that are zero in every run go first: the sums are right without them. */
function runColumns(runs: readonly ReportedRun[]): readonly Column<ReportedRun>[] {
  const count = (name: string, of: 'accepted' | 'rejected' | 'invalid' | 'skipped' | 'dead') => ({
    ...({ name, align: 'right' } as const),
    ...(runs.every((run) => run[of] === 0) ? { goes: 1 } : {}),
    cell: (run: ReportedRun) => number(run[of]),
  });
  return [
    { name: 'sync', align: 'left', shortest: 20, cell: ({ sync }) => sync },
    { name: 'run', align: 'left', cell: ({ epoch }) => `#${epoch}` },
    { name: 'extracted', align: 'right', cell: ({ extracted }) => number(extracted) },
    count('= accepted', 'accepted'),
    count('+ rejected', 'rejected'),
    count('+ invalid', 'invalid'),
    count('+ skipped', 'skipped'),
    count('+ dead', 'dead'),
    { name: '', align: 'left', cell: stateOf },
    { name: 'unchanged', align: 'right', goes: 2, cell: ({ unchanged }) => number(unchanged) },
  ];
}

function stateOf({ ended, code, reconciles }: ReportedRun): string {
  if (ended !== 'committed') return pc.yellow(code ?? ended);
  return reconciles ? pc.green('✓') : pc.red('✗');
}

const FAILURE_COLUMNS: readonly Column<FailureGroup>[] = [
  { name: 'sync', align: 'left', shortest: 20, cell: ({ sync }) => sync },
  { name: 'rows', align: 'right', cell: ({ rows }) => number(rows) },
  { name: 'kind', align: 'left', cell: ({ kind }) => kind },
  { name: 'code', align: 'left', shortest: 15, cell: ({ code }) => code },
  { name: 'reason', align: 'left', shortest: 28, cell: ({ reason }) => oneLine(reason) },
  { name: 'keys', align: 'left', goes: 1, shortest: 12, cell: ({ keys }) => keys.join(', ') },
];

function failuresTable(failures: readonly FailureGroup[], width: number): string {
  if (failures.length === 0) return 'none\n';
  return [...tableLines(FAILURE_COLUMNS, failures, width), ''].join('\n');
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

function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** A destination's own words may have more lines than one. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
