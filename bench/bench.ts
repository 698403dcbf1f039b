/**
 * `npm run bench`: every figure, measured in one run on one machine, the sink in a process of its own. `--json` prints
 * one document and nothing else; `--only <name>` measures one of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { Command } from 'commander';
import type { Counts } from '../infra/cost-model.ts';
import type { Counted } from '../infra/cost-text.ts';
import { measureColdStarts } from './cold-start.ts';
import { type CostFigures, measureCost } from './cost.ts';
import { measureParties } from './parties.ts';
import { startBenchSink } from './processes.ts';
import { missedPromises } from './promises.ts';
import { measureRate } from './rate.ts';
import { reportText } from './report.ts';
import { measureThroughput } from './throughput.ts';

const FIGURES = ['throughput', 'parties', 'cost', 'rate', 'cold-start'] as const;
type Figure = (typeof FIGURES)[number];

const MILLION = 1_000_000;
/** What stands below it in docs/benchmarks.md is written by `--save`. */
const LAST_RUN = '## The last whole run';

const options = new Command('npm run bench --')
  .description('Measures what docs and README promise in figures.')
  .option('--json', 'print one JSON document and nothing else')
  .option('--save', 'write the counts to infra/counted.json, and a whole run to docs/benchmarks.md')
  .option('--rows <number>', 'rows of the large figures', String(MILLION))
  .option('--only <figure>', `one of ${FIGURES.join(', ')}`)
  .parse()
  .opts<{ json?: boolean; save?: boolean; rows: string; only?: Figure }>();

const rows = Number(options.rows);
const wanted = (figure: Figure): boolean => options.only === undefined || options.only === figure;
const say = (line: string): void => {
  if (options.json !== true) console.log(line);
};

const sink = await startBenchSink();
try {
  const throughput = wanted('throughput') ? await measureThroughput(sink, rows, say) : undefined;
  const parties = wanted('parties') ? await measureParties(sink, sizesTo(rows), say) : undefined;
  const cost = wanted('cost') ? await measureCost(sink, rows, say) : undefined;
  const rate = wanted('rate') ? await measureRate(sink, say) : undefined;
  const coldStarts = wanted('cold-start') ? measureColdStarts(say) : undefined;
  const machine = { cores: availableParallelism(), processor: cpus()[0]?.model ?? '', node: process.version };
  const figures = {
    ratioToBareLoop: throughput?.ratioToBareLoop,
    machine,
    throughput,
    parties,
    cost,
    rate,
    coldStarts,
  };
  const report = { ...figures, missed: missedPromises(figures) };
  if (report.missed.length > 0) process.exitCode = 1;
  if (options.save === true && cost !== undefined) saveCounted(cost);
  if (options.save === true && options.only === undefined) saveText(reportText(report));
  console.log(options.json === true ? JSON.stringify(report) : `\n${reportText(report)}`);
} catch (error) {
  console.error(`✗ ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await sink.stop();
}
process.exit();

function saveCounted({ stated, firstRun, emptyRun, scheduled }: CostFigures): void {
  const counts = ({ calls, writeUnits, invocations, billedMs, batches }: Counts): Counts => ({
    calls,
    writeUnits,
    invocations,
    billedMs,
    batches,
  });
  const counted: Counted = { stated, firstRun: counts(firstRun), emptyRun: counts(emptyRun), scheduled };
  writeFileSync(
    new URL('../infra/counted.json', import.meta.url),
    `${JSON.stringify(counted, undefined, 2)}\n`,
  );
}

/** In the place of what the last whole run said. */
function saveText(text: string): void {
  const page = new URL('../docs/benchmarks.md', import.meta.url);
  const [before = ''] = readFileSync(page, 'utf8').split(LAST_RUN);
  writeFileSync(page, `${before.trimEnd()}\n\n${LAST_RUN}\n\n\`\`\`text\n${text}\n\`\`\`\n`);
}

/** 10,000 and 100,000 and the whole, as far as they are different. */
function sizesTo(most: number): readonly number[] {
  return [...new Set([10_000, 100_000, most].filter((size) => size <= most))];
}
