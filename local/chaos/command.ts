/**
 * `npm run chaos`: kills processes of the deployed shape by the dozen and looks whether anything was lost.
 *
 *   npm run chaos                            50 environments and 50 services, from seed 1
 *   npm run chaos -- --seed 7 --kills 10     a shorter one, from another seed
 *   npm run chaos -- --json                  one document and nothing else
 *
 * It ends with 0 only if the destination holds what the model says, every run reconciles and nothing is left over.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { type ChaosReport, FAULT_SHARES, runChaos } from './chaos.ts';
import { reportText } from './report.ts';

/** One pause longer than the leases for every eight kills. */
const KILLS_PER_PAUSE = 8;
const ROWS = 800;
const REST_MS = 300_000;

type Options = {
  readonly seed: number;
  readonly kills: number;
  readonly lose?: number;
  readonly json?: boolean;
};

const options = new Command('npm run chaos --')
  .description(
    'Kills and pauses the processes of a running stage, breaks its answers, and checks what arrives.',
  )
  .option('--seed <number>', 'what the plan, the edits and the faults are drawn from', whole, 1)
  .option('--kills <number>', 'environments to kill, and as many times the services', whole, 50)
  .option('--lose <number>', 'the vendor loses every so many rows in silence: this must be noticed', whole)
  .option('--json', 'print one JSON document and nothing else')
  .parse()
  .opts<Options>();

if (process.platform === 'win32')
  throw new Error('chaos pauses processes by signals, which Windows does not have');
const dataDir = path.resolve('.tailrace', `chaos-${process.pid}`);
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130));
const report = await runChaos(settingsOf(options));
tell(report, options);
process.exitCode = report.ok ? 0 : 1;
process.exit();

function settingsOf({ seed, kills, lose, json }: Options): Parameters<typeof runChaos>[0] {
  return {
    seed,
    kills,
    longPauses: Math.ceil((2 * kills) / KILLS_PER_PAUSE),
    dataDir,
    rows: ROWS,
    faults: FAULT_SHARES,
    restMs: REST_MS,
    ...(lose === undefined ? {} : { loseEvery: lose }),
    told: (line) => (json === true ? undefined : console.log(pc.dim(line))),
  };
}

function tell(told: ChaosReport, { json }: Options): void {
  if (json === true) console.log(JSON.stringify(told));
  else console.log(reportText(told));
  // What failed is kept to be looked at.
  if (told.ok) rmSync(dataDir, { recursive: true, force: true });
  else if (json !== true) console.log(`Data and logs are kept in ${path.relative('.', dataDir)}`);
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new InvalidArgumentError('must be a whole number');
  return number;
}
