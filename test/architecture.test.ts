/**
 * Who may import whom, as data. A violation prints the rule and its reason. Also: no barrels, no default exports,
 * no import cycles, every dependency explained, no name of a limit that lacks its unit.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

type Room = {
  readonly room: string;
  /** Rooms (path prefixes) and packages that it may import; `node:` modules by name. */
  readonly may: readonly string[];
  readonly because: string;
};

/** The first room whose path begins a file's path is the file's room. */
const ROOMS: readonly Room[] = [
  {
    room: 'shared/core/',
    may: ['shared/core/', 'zod', 'liquidjs', 'luxon', 'croner', 'node:crypto'],
    because: 'core is pure: no I/O, no clock, no SDK; hashing is the one Node module it needs',
  },
  {
    room: 'shared/warehouse/',
    may: ['shared/core/', 'shared/warehouse/', 'type:shared/ports.ts', '@polyglot-sql/sdk'],
    because: 'warehouse is SQL text: pure, tested against a real parser and engine',
  },
  {
    room: 'shared/destinations/',
    may: [
      'shared/core/',
      'shared/destinations/',
      'type:shared/ports.ts',
      'zod',
      'undici',
      'pg',
      'ipaddr.js',
      'node:',
    ],
    because:
      'a destination knows core, the contract and its wire; never a port, the AWS SDK or the environment',
  },
  {
    room: 'shared/engine/',
    may: [
      'shared/core/',
      'shared/engine/',
      'shared/warehouse/model-sql.ts',
      'type:shared/ports.ts',
      'type:shared/destinations/destination.ts',
    ],
    because: 'engine sees ports and contracts as types and never knows AWS; SQL checks are pure',
  },
  {
    room: 'shared/ports.ts',
    may: ['type:shared/core/', 'type:shared/destinations/destination.ts'],
    because: 'ports are interfaces: types only',
  },
  {
    room: 'shared/aws/',
    may: [
      'shared/core/',
      'shared/warehouse/',
      'shared/aws/',
      'type:shared/ports.ts',
      '@aws-sdk/',
      '@aws-lambda-powertools/',
      'zod',
      'node:',
    ],
    because: 'aws implements ports; it is the only room under shared that imports the AWS SDK',
  },
  {
    room: 'lambdas/',
    may: [
      'lambdas/',
      'shared/',
      '@middy/core',
      '@aws-lambda-powertools/',
      '@aws-sdk/',
      'zod',
      'type:aws-lambda',
      'node:',
    ],
    because: 'handlers are thin; lambdas/runtime.ts is the composition root of the cloud',
  },
  {
    room: 'infra/',
    may: [
      'infra/',
      'shared/core/',
      'shared/destinations/',
      'type:shared/ports.ts',
      'aws-cdk-lib',
      'cdk-nag',
      'constructs',
      'esbuild',
      'zod',
      'node:',
    ],
    because: 'infra refers to lambdas by path and shares limits, names and the schemas of account settings',
  },
  {
    room: 'local/',
    may: [
      'local/',
      'infra/',
      'shared/core/',
      'shared/warehouse/sql-tokens.ts',
      'shared/aws/dynamo-definitions.ts',
      'type:shared/ports.ts',
      '@aws-sdk/',
      '@duckdb/node-api',
      '@polyglot-sql/sdk',
      'commander',
      'picocolors',
      'pg',
      'yaml',
      'zod',
      'node:',
    ],
    because: 'local runs what infra synthesizes; handlers are loaded from their bundles, never imported',
  },
  {
    room: 'cli/',
    may: [
      'cli/',
      'shared/core/',
      'shared/warehouse/model-sql.ts',
      'shared/warehouse/check-sql.ts',
      'shared/aws/dynamo-definitions.ts',
      'type:shared/ports.ts',
      'type:shared/engine/sync-status.ts',
      'infra/environments.ts',
      'infra/setting-rules.ts',
      'infra/release.ts',
      'type:infra/settings.ts',
      '@aws-sdk/',
      'commander',
      'cli-table3',
      'picocolors',
      'yaml',
      'zod',
      'node:',
    ],
    because:
      'a command asks the deployed functions; it reads the settings, since the doctor holds them against what is there',
  },
  {
    room: 'scripts/',
    may: ['infra/', 'shared/core/', 'node:'],
    because: 'scripts write pages and the schema from what infra synthesizes and core describes',
  },
];

const files = globSync('{shared,lambdas,infra,local,cli,scripts}/**/*.ts').toSorted();
const sources = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

const IMPORT = /^(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)';/gms;
const DYNAMIC = /\bimport\('([^']+)'\)/g;

function importsOf(file: string): Import[] {
  const source = sources.get(file) ?? '';
  const found: Import[] = [];
  for (const [, type, to = ''] of source.matchAll(IMPORT)) found.push(resolved(file, to, type !== undefined));
  for (const [, to = ''] of source.matchAll(DYNAMIC)) found.push(resolved(file, to, false));
  return found;
}

function resolved(from: string, to: string, typeOnly: boolean): Import {
  const target = to.startsWith('.') ? path.posix.join(path.posix.dirname(from), to) : to;
  return { from, to: target, typeOnly };
}

function allowed(room: Room, { to, typeOnly }: Import): boolean {
  return room.may.some((entry) =>
    entry.startsWith('type:') ? typeOnly && to.startsWith(entry.slice(5)) : to.startsWith(entry),
  );
}

test('every import keeps to the rooms', () => {
  const violations = files.flatMap((file) => {
    const room = ROOMS.find((candidate) => file.startsWith(candidate.room));
    if (room === undefined) return [`${file} is in no room`];
    return importsOf(file)
      .filter((found) => !allowed(room, found))
      .map(({ to }) => `${file} imports ${to}: not from ${room.room} (${room.because})`);
  });
  assert.deepEqual(violations, []);
});

test('a destination never sees another destination', () => {
  const ordinary = /^shared\/destinations\/(http|postgres)(-[a-z-]+)?\.ts$/;
  const violations = files.flatMap((file) => {
    const own = ordinary.exec(file)?.[1];
    if (own === undefined || file === 'shared/destinations/http-client.ts') return [];
    return importsOf(file)
      .filter(({ to }) => to !== 'shared/destinations/http-client.ts')
      .filter(({ to }) => (ordinary.exec(to)?.[1] ?? own) !== own)
      .map(({ to }) => `${file} imports ${to}: connectors are independent of each other`);
  });
  assert.deepEqual(violations, []);
});

test('there are no import cycles, types not excepted', () => {
  const graph = new Map(files.map((file) => [file, importsOf(file).map(({ to }) => to)]));
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file))
      assert.fail(`import cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) if (graph.has(next)) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.ok(done.size > 0);
});

test('no barrels, no default exports, no vague names', () => {
  const vague = /(^|[/-])(index|utils?|helpers?|manager|service|common|misc)\.ts$/;
  assert.deepEqual(
    files.filter((file) => vague.test(file)),
    [],
    'a file is named by what it holds',
  );
  assert.deepEqual(
    files.filter((file) => /^export default /m.test(sources.get(file) ?? '')),
    [],
    'exports have names',
  );
});

test('every dependency has its line of reason', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
  const explained = readFileSync('docs/dependencies.md', 'utf8');
  const names = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.keys(manifest[kind] ?? {}),
  );
  assert.deepEqual(
    names.filter((name) => !explained.includes(`\`${name}\``)),
    [],
    'docs/dependencies.md lacks a line for these',
  );
});

test('versions are pinned exactly', () => {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>;
  const loose = ['dependencies', 'devDependencies', 'optionalDependencies']
    .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
    .filter(([, version]) => !/^\d/.test(version));
  assert.deepEqual(loose, []);
});
