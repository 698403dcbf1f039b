/**
 * `npm start`: the deployed shape on this machine, from an empty folder to destinations that hold what the warehouse says,
 * in under two minutes. `--json` prints one document and nothing else; `--keep` leaves everything running, and finds
 * its data again after it was stopped or killed.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import pc from 'picocolors';
import { demonstrate, isFilled } from './demo/demonstration.ts';
import { keepRunning } from './demo/keep.ts';
import { takeFolder } from './demo/only-one.ts';
import { type Progress, plainProgress, silentProgress, terminalProgress } from './demo/progress.ts';
import { reportText } from './demo/report.ts';
import { startWorld, type World, type WorldSettings } from './demo/world.ts';

/** At least this many customers; `literals.ts` knows what they contain. */
const CUSTOMERS = 100_000;
/** Five minutes become fifteen seconds; the sweep, each minute, comes every three. */
const SPEED = 20;
/** How long a phase may take before the demonstration gives up: far more than it needs, so a busy machine is only slow. */
const PHASE_MS = 300_000;
/** What a vendor's API takes to answer, on a good day. */
const LATENCY_MS = 20;

/** Of what is written to a file or a pipe. */
const PAGE_WIDTH = 120;

type Options = { readonly json?: boolean; readonly keep?: boolean; readonly extraction: 'unload' | 'pages' };

const options = new Command('npm start --')
  .description('Runs the whole of Tailrace on this machine and checks what arrives.')
  .option('--json', 'print one JSON document and nothing else')
  .option('--keep', 'leave it running, with its data in .tailrace/local')
  .option('--extraction <way>', 'how rows leave the warehouse: unload or pages', 'unload')
  .parse()
  .opts<Options>();

const progress = progressFor(options);
try {
  process.exitCode = (await run(options)) ? 0 : 1;
} catch (error) {
  progress.end();
  console.error(pc.red(`✗ ${error instanceof Error ? error.message : String(error)}`));
  if (process.env.DEBUG !== undefined) console.error(error);
  process.exitCode = 1;
}
process.exit();

/** True when everything held. */
async function run({ json, keep, extraction }: Options): Promise<boolean> {
  const persistent = keep === true;
  const dataDir = path.resolve('.tailrace', persistent ? 'local' : `run-${process.pid}`);
  const settings = { dataDir, speed: SPEED, persistent, extraction, latencyMs: LATENCY_MS };
  const leave = takeFolder(dataDir);
  try {
    return await runIn(settings, json === true);
  } finally {
    leave();
    if (!persistent) rmSync(dataDir, { recursive: true, force: true });
  }
}

async function runIn(settings: WorldSettings, json: boolean): Promise<boolean> {
  const { dataDir, persistent } = settings;
  const world = await startWorld(settings, (step) => progress.say(pc.dim(`${step} …`)));
  try {
    const ok = persistent && (await isFilled(world)) ? true : await demonstration(world, json);
    if (persistent && !json) await keepRunning(world, dataDir);
    return ok;
  } finally {
    await world.stop();
  }
}

async function demonstration(world: World, json: boolean): Promise<boolean> {
  const report = await demonstrate(world, { customers: CUSTOMERS, progress, phaseMs: PHASE_MS });
  progress.end();
  console.log(
    json ? JSON.stringify(report) : `\n${reportText(report, process.stdout.columns || PAGE_WIDTH)}`,
  );
  return report.ok;
}

function progressFor({ json }: Options): Progress {
  if (json === true) return silentProgress;
  return process.stdout.isTTY ? terminalProgress(process.stdout) : plainProgress((line) => console.log(line));
}
