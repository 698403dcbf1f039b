/**
 * The next release, as a test imagines it: today's sources with another message version, another cut and one more
 * attribute in the state, bundled and laid into a copy of an assembly. Where an edit no longer finds its text, it says so.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bundleOf, FUNCTION_NAMES } from '../../infra/bundles.ts';

type Edit = readonly [file: string, from: string, to: string];

/** Batches of a second in place of twenty, so that a small model has several: for both releases. */
const SMALL_BATCHES: Edit = ['shared/core/limits.ts', 'BATCH_SECONDS_AIM = 20', 'BATCH_SECONDS_AIM = 1'];

const NEXT: readonly Edit[] = [
  ['shared/core/limits.ts', 'BATCH_SECONDS_AIM = 20', 'BATCH_SECONDS_AIM = 2'],
  ['shared/core/message.ts', 'v: z.literal(1)', 'v: z.literal(2)'],
  [
    'shared/core/message.ts',
    '  1: (value) => batchMessageSchema.safeParse(value).data,',
    '  2: (value) => batchMessageSchema.safeParse(value).data,\n  1: (value) => batchMessageSchema.safeParse({ ...(value as object), v: 2 }).data,',
  ],
  ['shared/engine/send-batches.ts', 'chunk.push({ v: 1,', 'chunk.push({ v: 2,'],
  [
    'shared/engine/send-run.ts',
    "      phase: 'loading',\n",
    "      phase: 'loading',\n      ofTheNext: 'release',\n",
  ],
];

export type Releases = {
  /** Today's code. */
  readonly now: string;
  readonly next: string;
};

/** Makes both from an assembly; the folder holds all that is made. */
export function makeReleases(assembly: string, folder: string): Releases {
  return {
    now: release(assembly, path.join(folder, 'now'), [SMALL_BATCHES]),
    next: release(assembly, path.join(folder, 'next'), NEXT),
  };
}

const ROOT = path.resolve(import.meta.dirname, '../..');

function release(assembly: string, folder: string, edits: readonly Edit[]): string {
  const sources = path.join(folder, 'sources');
  for (const room of ['infra', 'lambdas', 'shared'])
    cpSync(path.join(ROOT, room), path.join(sources, room), { recursive: true });
  for (const file of ['package.json', 'tsconfig.json'])
    cpSync(path.join(ROOT, file), path.join(sources, file));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(sources, 'node_modules'));
  for (const edit of edits) apply(sources, edit);
  const bundles = path.join(folder, 'bundles');
  mkdirSync(bundles);
  execFileSync(process.execPath, [path.join(sources, 'infra/bundling/build.ts'), bundles], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const made = path.join(folder, 'cdk.out');
  cpSync(assembly, made, { recursive: true });
  for (const file of globSync('asset.*/index.mjs', { cwd: made })) {
    cpSync(path.join(bundles, nameOf(path.join(assembly, file)), 'index.mjs'), path.join(made, file));
  }
  return made;
}

function apply(sources: string, [file, from, to]: Edit): void {
  const text = readFileSync(path.join(sources, file), 'utf8');
  if (text.split(from).length !== 2)
    throw new Error(`${file} no longer has one "${from}"; mend next-release.ts`);
  writeFileSync(
    path.join(sources, file),
    text.replace(from, () => to),
  );
}

/** An asset is named by a hash; its text is that of the bundle that it was made from. */
function nameOf(asset: string): string {
  const text = readFileSync(asset, 'utf8');
  const found = FUNCTION_NAMES.find(
    (name) => readFileSync(path.join(bundleOf(name), 'index.mjs'), 'utf8') === text,
  );
  if (found === undefined) throw new Error(`${asset} is no function's bundle`);
  return found;
}
