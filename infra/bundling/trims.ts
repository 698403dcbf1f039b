/**
 * What the bundles leave out of packages, as an esbuild plugin. Everything here is code that our functions cannot
 * reach; should one reach it all the same after an upgrade, it fails with a sentence instead of doing something else.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin, PluginBuild } from 'esbuild';

/** For esbuild's `plugins`. */
export const trims: Plugin = {
  name: 'tailrace-trims',
  setup(build) {
    for (const [specifier, file] of Object.entries(REPLACED)) replace(build, specifier, file);
    leaveOut(build);
    plainKeys(build);
    versionsOnly(build);
  },
};

/** Package -> the file that takes its place; each file says why at its head. */
const REPLACED: Readonly<Record<string, string>> = {
  undici: 'undici-client.cjs',
  pg: 'pg-client.cjs',
  '@aws-sdk/credential-provider-node': 'lambda-credentials.mjs',
  '@smithy/core/event-streams': 'no-event-streams.mjs',
};

function replace(build: PluginBuild, specifier: string, file: string): void {
  const replacement = fileURLToPath(new URL(file, import.meta.url));
  build.onResolve({ filter: exactly(specifier) }, () => ({ path: replacement }));
}

const exactly = (specifier: string): RegExp => new RegExp(`^${specifier.replaceAll(/[.+*?]/g, '\\$&')}$`);

type LeftOut = {
  readonly package: string;
  /** As the package's own files write it. */
  readonly required: string;
  readonly because: string;
  /** Functions of it that the package looks up before it calls them. */
  readonly names?: readonly string[];
};

const LEFT_OUT: readonly LeftOut[] = [
  {
    package: 'undici',
    required: '../llhttp/llhttp-wasm.js',
    because: 'the parser for machines without SIMD; Lambda has none such',
  },
  { package: 'undici', required: './client-h2.js', because: 'our client says `allowH2: false`' },
  { package: 'undici', required: '../web/fetch/body.js', because: 'turns forms into bodies; ours are text' },
  { package: 'undici', required: '../web/fetch/formdata', because: 'as above' },
  { package: 'undici', required: '../web/webidl', because: 'as above' },
  {
    package: 'pg',
    required: 'pgpass',
    because: 'a file of passwords; an account without a password is refused before it connects',
  },
  {
    package: 'zod',
    required: '../core/json-schema-processors.js',
    because: 'JSON Schema is written when the project is built, never by a function',
  },
  {
    package: 'zod',
    required: '../core/to-json-schema.js',
    because: 'as above',
    names: ['createToJSONSchemaMethod', 'createStandardJSONSchemaMethod'],
  },
];

/** In place of each stands a module that throws when it is called. */
function leaveOut(build: PluginBuild): void {
  for (const { package: name, required, names = [] } of LEFT_OUT) {
    build.onResolve({ filter: exactly(required) }, ({ importer }) =>
      importer.includes(`node_modules/${name}/`)
        ? { path: required, namespace: 'left-out', pluginData: names }
        : null,
    );
  }
  build.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path: required, pluginData }) => {
    const sentence = `${required} is not in this bundle: infra/bundling/trims.ts left it out`;
    const names = (pluginData as readonly string[]).map((name) => `module.exports.${name} = leftOut;`);
    const contents = `const leftOut = () => { throw new Error(${JSON.stringify(sentence)}); };
      module.exports = leftOut; ${names.join(' ')}`;
    return { contents, loader: 'js' };
  });
}

/**
 * Schemas of the SDK write `{ [_hH]: ... }` with `const _hH = "httpHeader"` above. A key that is computed might have an
 * effect, so esbuild keeps every such schema of a service; the same key written out lets it drop those that no command of
 * ours uses: 60 KB of S3 alone.
 */
function plainKeys(build: PluginBuild): void {
  build.onLoad({ filter: /@aws-sdk\/.*\/schemas\/schemas_0\.js$/ }, ({ path: file }) => {
    const text = readFileSync(file, 'utf8');
    const constants = new Map(
      [...text.matchAll(/^const (\w+) = ("[^"\\\n]*");$/gm)].map(([, name = '', value = '']) => [
        name,
        value,
      ]),
    );
    const contents = text.replaceAll(/\[(\w+)\]:/g, (key, name: string) => {
      const value = constants.get(name);
      return value === undefined ? key : `${value}:`;
    });
    return { contents, loader: 'js', resolveDir: path.dirname(file) };
  });
}

/** A client reads its own package.json for one number, the version that it tells AWS. */
function versionsOnly(build: PluginBuild): void {
  build.onLoad({ filter: /@aws-sdk\/[\w-]+\/package\.json$/ }, ({ path: file }) => {
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    return { contents: JSON.stringify({ version }), loader: 'json' };
  });
}
