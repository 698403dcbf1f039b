/** A synthesized cloud assembly (`cdk.out`): finds one stack in it, its template and its assets' directories. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export type RawResource = {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Condition?: string;
};

export type RawStack = {
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  readonly resources: Readonly<Record<string, RawResource>>;
  readonly outputs: Readonly<Record<string, { readonly Value: unknown }>>;
  readonly conditions: Readonly<Record<string, unknown>>;
  /** Directory of a file asset by its object key (`<hash>.zip`). */
  assetOf(objectKey: string): string;
};

type Artifact = {
  readonly type: string;
  readonly environment?: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly directoryName?: string;
  };
};

/** Where a template does not say: the account number that no one has, and the region of most examples. */
const ACCOUNT = '000000000000';
const REGION = 'us-east-1';

/** Finds the stack by its name, in nested assemblies too; throws an Error that lists the names there are. */
export function loadStack(assemblyDirectory: string, stackName: string): RawStack {
  const stacks = [...stacksOf(assemblyDirectory)];
  const found = stacks.find(({ name }) => name === stackName);
  if (found !== undefined) return readStack(found);
  const names = stacks.map(({ name }) => name).join(', ');
  throw new Error(`${assemblyDirectory} holds no stack ${stackName}, only: ${names}; run npx cdk synth`);
}

type Located = {
  readonly name: string;
  readonly directory: string;
  readonly templateFile: string;
  readonly environment: string;
};

function* stacksOf(directory: string): Generator<Located> {
  for (const [id, artifact] of Object.entries(readManifest(directory))) {
    const { templateFile, stackName, directoryName } = artifact.properties ?? {};
    if (artifact.type === 'cdk:cloud-assembly' && directoryName !== undefined)
      yield* stacksOf(path.join(directory, directoryName));
    if (artifact.type === 'aws:cloudformation:stack' && templateFile !== undefined)
      yield { name: stackName ?? id, directory, templateFile, environment: artifact.environment ?? '' };
  }
}

function readManifest(directory: string): Record<string, Artifact> {
  const file = path.join(directory, 'manifest.json');
  if (!existsSync(file)) throw new Error(`${directory} is no cloud assembly; run npx cdk synth`);
  return (readJson(file) as { artifacts?: Record<string, Artifact> }).artifacts ?? {};
}

function readStack({ name, directory, templateFile, environment }: Located): RawStack {
  const template = readJson(path.join(directory, templateFile)) as Record<
    string,
    Record<string, never> | undefined
  >;
  const [, account = '', region = ''] = /^aws:\/\/(\d{12}|unknown-account)\/(.+)$/.exec(environment) ?? [];
  return {
    stackName: name,
    account: /^\d{12}$/.test(account) ? account : ACCOUNT,
    region: region === '' || region === 'unknown-region' ? REGION : region,
    resources: template.Resources ?? {},
    outputs: template.Outputs ?? {},
    conditions: template.Conditions ?? {},
    assetOf: assetFinder(directory, templateFile),
  };
}

type AssetManifest = {
  readonly files?: Readonly<
    Record<string, { source: { path?: string }; destinations: Record<string, { objectKey: string }> }>
  >;
};

function assetFinder(directory: string, templateFile: string): (objectKey: string) => string {
  const file = path.join(directory, templateFile.replace(/\.template\.json$/, '.assets.json'));
  const { files = {} } = existsSync(file) ? (readJson(file) as AssetManifest) : {};
  const directories = new Map<string, string>();
  for (const { source, destinations } of Object.values(files))
    for (const { objectKey } of Object.values(destinations))
      if (source.path !== undefined) directories.set(objectKey, path.join(directory, source.path));
  return (objectKey) => {
    const found = directories.get(objectKey);
    if (found === undefined) throw new Error(`the assembly has no asset ${objectKey}`);
    return found;
  };
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8')) as unknown;
