/**
 * Makes the bundles, in a process of its own: plugins of esbuild work only in its asynchronous call, and the CDK's
 * constructs are synchronous. `node infra/bundling/build.ts <directory>` writes `<directory>/<function>/index.mjs`.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { FUNCTION_NAMES } from '../bundles.ts';
import { trims } from './trims.ts';

/** CommonJS inside an ES module (pg, EMF) asks for Node's own modules by `require`. */
const REQUIRE_BANNER =
  "import { createRequire as tailraceRequire } from 'node:module'; const require = tailraceRequire(import.meta.url);";

const [outdir] = process.argv.slice(2);
if (outdir === undefined) throw new Error('say where the bundles shall be written');

await build({
  absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
  entryPoints: Object.fromEntries(FUNCTION_NAMES.map((name) => [`${name}/index`, `lambdas/${name}.ts`])),
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  mainFields: ['module', 'main'],
  plugins: [trims],
  // undici's own switch: it then knows its other parser is not there.
  define: { esbuildDetection: '1' },
  banner: { js: REQUIRE_BANNER },
  legalComments: 'none',
  logLevel: 'error',
});
