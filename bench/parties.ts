/**
 * The extractor and the loader, each alone in a child process: rows per second and core of the loader, peak memory of
 * both, for growing numbers of rows, by UNLOAD and by pages.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteScheduleCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { buildSync } from 'esbuild';
import type { PartyFigures, PartySettings } from './party.ts';
import { peopleSql } from './people.ts';
import type { BenchSink } from './processes.ts';
import { type BenchStage, startBenchStage } from './stage.ts';

export type PartiesFigure = {
  readonly extraction: 'unload' | 'pages';
  readonly rows: number;
  readonly extractorPeakMb: number;
  readonly loaderPeakMb: number;
  /** Of one loader by itself, over its process' time on a core. */
  readonly loaderRowsPerCoreSecond: number;
  readonly loaderRowsPerSecond: number;
};

export async function measureParties(
  sink: BenchSink,
  sizes: readonly number[],
  say: (line: string) => void,
): Promise<readonly PartiesFigure[]> {
  const figures: PartiesFigure[] = [];
  for (const extraction of ['unload', 'pages'] as const) {
    const stage = await startBenchStage({ sinkPort: sink.port, extraction, changes: 'diff' });
    await withoutSweep(stage);
    for (const rows of sizes) {
      figures.push(await measure(stage, sink, extraction, rows));
      say(JSON.stringify(figures.at(-1)));
    }
    await stage.stop();
  }
  return figures;
}

async function measure(
  stage: BenchStage,
  sink: BenchSink,
  extraction: 'unload' | 'pages',
  rows: number,
): Promise<PartiesFigure> {
  for (const statement of peopleSql(rows)) await stage.stack.warehouse.sql(statement);
  await sink.reset();
  const { endpoint, region, credentials, outputs } = stage.stack;
  const syncId = `people-${rows}`;
  const client = { endpoint, region, credentials, outputs };
  const settings = { ...client, stageKey: stage.stageKey, sinkPort: sink.port, extraction, syncId };
  const extractor = await party('extractor-process.ts', settings);
  const loader = await party('loader-process.ts', { ...settings, messages: extractor.messages });
  const arrived = (await sink.counts()).rows;
  if (arrived !== rows) throw new Error(`${arrived} rows arrived of ${rows}`);
  return {
    extraction,
    rows,
    extractorPeakMb: Math.round(extractor.peakMemoryMb),
    loaderPeakMb: Math.round(loader.peakMemoryMb),
    loaderRowsPerCoreSecond: Math.round((1000 * rows) / loader.cpuMs),
    loaderRowsPerSecond: Math.round((1000 * rows) / loader.elapsedMs),
  };
}

/** The stack's own sweep would take the parties' runs for lost ones: they have no definition there. */
async function withoutSweep({ stack }: BenchStage): Promise<void> {
  const { endpoint, region, credentials } = stack;
  const scheduler = new SchedulerClient({ endpoint, region, credentials });
  const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({}));
  for (const { Name, GroupName } of Schedules) {
    await scheduler.send(new DeleteScheduleCommand({ Name, GroupName }));
  }
  while (stack.pending() > 0) await sleep(PENDING_MS);
  scheduler.destroy();
}

const PENDING_MS = 50;

/**
 * Bundled as a function is, and with the heap that Lambda's Node runtime gives a function of 256 MB: 90% for old
 * objects would leave nothing for the rest of the process, so it is less here.
 */
const HEAP = ['--max-semi-space-size=12', '--max-old-space-size=120'];

const bundles = mkdtempSync(path.join(tmpdir(), 'tailrace-parties-'));
process.once('exit', () => rmSync(bundles, { recursive: true, force: true }));

function bundled(file: string): string {
  const outfile = path.join(bundles, `${path.parse(file).name}.mjs`);
  if (existsSync(outfile)) return outfile;
  buildSync({
    entryPoints: [path.join(import.meta.dirname, file)],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: ['pg-native'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}

async function party(file: string, settings: PartySettings): Promise<PartyFigures> {
  const child = fork(bundled(file), [JSON.stringify(settings)], { execArgv: HEAP });
  const figures = once(child, 'message') as Promise<[PartyFigures]>;
  const ended = once(child, 'exit') as Promise<[number]>;
  const first = await Promise.race([figures, ended]);
  if (typeof first[0] === 'number') throw new Error(`${file} ended with code ${first[0]}`);
  await ended;
  return first[0];
}
