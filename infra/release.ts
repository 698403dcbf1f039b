/**
 * Which checkout and which settings a stack was made from, as one short text: so that a deployed environment can be held
 * against the files here without synthesizing anything.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from './settings.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Whatever a template or a bundle is made of. Settings count by environment, below. */
const SOURCES = [
  'infra/**/*.{ts,mjs,cjs}',
  'lambdas/**/*.ts',
  'shared/**/*.ts',
  'cdk.json',
  'package-lock.json',
];
const SETTINGS_FILE = 'infra/environments.ts';

/** `<version>-<sources>-<settings>`: an edit of another environment's settings changes nothing. */
export const releaseOf = (environment: Environment): string =>
  [versionOf(), short(sourceText()), short(JSON.stringify(environment))].join('-');

/** Everything but the settings: what two environments of one checkout have in common. */
export const sourcesOf = (release: string): string => release.split('-').slice(0, -1).join('-');

/** The same for the same files here: what bundles made of them can be known by. */
export const sourcesHash = (): string => createHash('sha256').update(sourceText()).digest('hex');

const versionOf = (): string =>
  (JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;

/** Names and texts in a fixed order; line endings as Git stores them, so that no checkout differs by its system. */
function sourceText(): string {
  const names = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name !== SETTINGS_FILE)
    .toSorted();
  return names
    .map((name) => `${name}\n${readFileSync(path.join(ROOT, name), 'utf8').replaceAll('\r\n', '\n')}`)
    .join('\n');
}

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 10);
