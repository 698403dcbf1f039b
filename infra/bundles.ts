/**
 * The functions' bundles: ESM, minified, the AWS SDK inside (the one in the Lambda runtime is older than parameters
 * that we use). Made once per process: all environments deploy the same code. How: `bundling/`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Entry points under `lambdas/`; the handler of each is its export `handler`. */
export const FUNCTION_NAMES = [
  'reconcile-syncs',
  'start-run',
  'fan-out',
  'load-batch',
  'finish-run',
  'dead-letter',
  'sweep',
  'api',
  'notify-owners',
  'record-audit',
  'tell-operators',
] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** The directory that holds `index.mjs` of a function. */
export function bundleOf(name: FunctionName): string {
  built ??= build();
  return path.join(built, name);
}

/** Bytes of each function's minified bundle. */
export function bundleSizes(): readonly { readonly name: FunctionName; readonly bytes: number }[] {
  return FUNCTION_NAMES.map((name) => ({
    name,
    bytes: statSync(path.join(bundleOf(name), 'index.mjs')).size,
  }));
}

/** A small table on standard error; standard output belongs to the CDK. */
export function printBundleSizes(): void {
  const sizes = bundleSizes();
  const width = Math.max(...sizes.map(({ name }) => name.length));
  const lines = sizes.map(
    ({ name, bytes }) => `  ${name.padEnd(width)}  ${(bytes / 1024).toFixed(0).padStart(6)} KiB`,
  );
  process.stderr.write(`Bundles, minified:\n${lines.join('\n')}\n`);
}

let built: string | undefined;

const BUILD = fileURLToPath(new URL('bundling/build.ts', import.meta.url));

function build(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-bundles-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  execFileSync(process.execPath, [BUILD, directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  return directory;
}
