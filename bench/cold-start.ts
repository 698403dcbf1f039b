/**
 * What a cold start loads: the bytes of each function's bundle, and the time to load it as a multiple of loading an empty
 * module, each in a fresh process of the same run. The rest of a cold start is Lambda's own.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleOf, bundleSizes } from '../infra/bundles.ts';
import { median } from './throughput.ts';

export type ColdStartFigure = {
  readonly name: string;
  readonly bytes: number;
  /** Median, milliseconds. */
  readonly loadMs: number;
  readonly timesEmpty: number;
};

const ROUNDS = 7;
/** Modules read their variables when they are first called, so none are needed to load them. */
const LOAD = `const from = performance.now();
await import(process.argv[1]);
process.stdout.write(String(performance.now() - from));
process.exit();`;

/** Rounds are interleaved, so that a busy moment of the machine falls on all. */
export function measureColdStarts(say: (line: string) => void): readonly ColdStartFigure[] {
  const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-cold-'));
  try {
    const empty = path.join(directory, 'empty.mjs');
    writeFileSync(empty, 'export {};\n');
    const sizes = bundleSizes();
    const times = new Map<string, number[]>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const load = (name: string, file: string): void =>
        void times.set(name, [...(times.get(name) ?? []), loadMs(file)]);
      load('', empty);
      for (const { name } of sizes) load(name, path.join(bundleOf(name), 'index.mjs'));
      say(`cold starts, round ${round + 1} of ${ROUNDS}`);
    }
    const emptyMs = median(times.get('') ?? []);
    return sizes.map(({ name, bytes }) => {
      const ms = median(times.get(name) ?? []);
      return { name, bytes, loadMs: Number(ms.toFixed(1)), timesEmpty: Number((ms / emptyMs).toFixed(1)) };
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function loadMs(file: string): number {
  const args = ['--input-type=module', '--eval', LOAD, pathToFileURL(file).href];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}
