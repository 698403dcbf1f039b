/**
 * One esbuild call for all functions: ESM, minified, the AWS SDK inside (the one in the Lambda runtime is older
 * than parameters that we use). Memoized per process: all environments deploy the same code.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

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

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** CommonJS inside an ES module (pg, EMF) asks for Node's own modules by `require`. */
const REQUIRE_BANNER =
  "import { createRequire as tailraceRequire } from 'node:module'; const require = tailraceRequire(import.meta.url);";

function build(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-bundles-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  buildSync({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(FUNCTION_NAMES.map((name) => [`${name}/index`, `lambdas/${name}.ts`])),
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    // pg's native twin; undici's parser for machines without SIMD, which Lambda's all have.
    external: ['pg-native', '../llhttp/llhttp-wasm.js'],
    // Smaller parts of large packages; each file says why.
    alias: {
      undici: path.join(ROOT, 'infra/undici-client.cjs'),
      '@aws-sdk/credential-provider-node': path.join(ROOT, 'infra/lambda-credentials.mjs'),
    },
    // undici's own switch: leaves out an experimental second parser.
    define: { esbuildDetection: '1' },
    banner: { js: REQUIRE_BANNER },
    legalComments: 'none',
    logLevel: 'error',
  });
  return directory;
}
