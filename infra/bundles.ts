/**
 * The functions' bundles: ESM, minified, the AWS SDK inside (the one in the Lambda runtime is older than parameters
 * that we use). Made once for the same sources, and kept under `node_modules`: all environments deploy the same code, and
 * two dozen test files synthesize it. How: `bundling/`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourcesHash } from './release.ts';

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

const KEPT = fileURLToPath(new URL('../node_modules/.cache/tailrace/', import.meta.url));

/** Written aside and renamed when whole; whoever comes second to the same name uses what is there. */
function build(): string {
  const kept = path.join(KEPT, sourcesHash().slice(0, 24));
  if (existsSync(kept)) return kept;
  mkdirSync(KEPT, { recursive: true });
  const draft = mkdtempSync(path.join(KEPT, 'draft-'));
  execFileSync(process.execPath, [BUILD, draft], { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    renameSync(draft, kept);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(kept)) throw error;
  }
  return kept;
}
