/**
 * The local stack: a synthesized CDK template, run in this process. `startStack` opens everything that the template
 * declares under one data directory, starts one listener on 127.0.0.1 that all SDK clients talk to, and begins to poll
 * and to fire. What was accepted survives `kill -9`: start it again with the same directory.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { FunctionUsage, OnInvocation } from './functions/function.ts';
import type { EnvironmentKind } from './functions/host.ts';
import { type Authorizer, createAuthorizer, OPERATOR_KEY } from './iam/authorizer.ts';
import type { Usage } from './iam/usage.ts';
import { type Listener, startListener } from './listener.ts';
import type { LocalRedshift } from './redshift/endpoint.ts';
import type { DynamoUsage, OnWrite } from './services/dynamodb.ts';
import type { BusEvent } from './services/events.ts';
import type { Notification } from './services/sns.ts';
import { loadStack, type RawStack } from './template/assembly.ts';
import { resolveTemplate } from './template/template.ts';
import type { Service } from './wire.ts';
import { deployTo } from './wiring/deploy.ts';
import { clientVariables, EMPTY_AWS_CONFIG } from './wiring/functions.ts';
import { openParts, type Parts } from './wiring/parts.ts';
import { readPermissions } from './wiring/permissions.ts';
import { makeServices } from './wiring/services.ts';
import { type Sources, startSources } from './wiring/sources.ts';
import { checkTrust } from './wiring/trust.ts';

export type StackSettings = {
  /** A cloud assembly: what `cdk synth` or `infra/synthesize.ts` wrote. */
  readonly assembly: string;
  readonly stackName: string;
  /** Everything that lasts: tables, queues, objects, schedules, warehouse, logs. */
  readonly dataDir: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
  /** How much faster than real time schedules run (and asynchronous calls are tried again). */
  readonly speed?: number;
  /** Secret's name -> its value, stored as JSON. */
  readonly secrets?: Readonly<Record<string, object>>;
  /** The id at the end of the workgroup's ARN, as the template's warehouse role names it. */
  readonly workgroupId?: string;
  /**
   * What execution environments are: threads of this process, or processes of their own that can be killed and paused
   * one by one. Absent: threads.
   */
  readonly environments?: EnvironmentKind;
  /** Told of each invocation as it begins, with the environment's process if it has one. */
  readonly onInvocation?: OnInvocation;
  /** Told of each write to a table that took effect. */
  readonly onWrite?: OnWrite;
};

export type StackStats = {
  /** API calls: `<service>.<action>` -> times. */
  readonly calls: Readonly<Record<string, number>>;
  readonly dynamodb: DynamoUsage;
  /** By logical id. */
  readonly functions: Readonly<Record<string, FunctionUsage>>;
  readonly permissions: Usage;
};

export type LocalStack = {
  readonly endpoint: string;
  readonly region: string;
  /** An operator's: everything is allowed. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly outputs: Readonly<Record<string, string>>;
  /** Environment variables that point any AWS SDK or the AWS CLI at this stack, as the operator. */
  readonly variables: Readonly<Record<string, string>>;
  readonly warehouse: LocalRedshift;
  readonly notifications: readonly Notification[];
  /** Called for every event on every bus; what the engine tells the world. */
  onEvent(listener: (busName: string, event: BusEvent) => void): void;
  stats(): StackStats;
  /** Work accepted and not done: messages, asynchronous invocations, stream records. Dead letters do not count. */
  pending(): number;
  /** Replaces the functions' code by that of another assembly of this stack; what is at work ends as it began. */
  deploy(assembly: string): void;
  /** Kills the environments of functions whose logical id contains the text, busy or idle; returns how many. */
  kill(text: string): number;
  stop(): Promise<void>;
};

/** Throws an Error that says what the template has that cannot run here, or what is missing. */
export async function startStack(settings: StackSettings): Promise<LocalStack> {
  mkdirSync(settings.dataDir, { recursive: true });
  writeFileSync(path.join(settings.dataDir, EMPTY_AWS_CONFIG), '');
  const raw = loadStack(settings.assembly, settings.stackName);
  const services = new Map<string, Service>();
  const who: { authorizer?: Authorizer } = {};
  const listener = await startListener({
    port: settings.port ?? 0,
    services,
    callerOf: (accessKey) => who.authorizer?.callerOf(accessKey),
  });
  try {
    return await startOn(listener, services, who, raw, settings);
  } catch (error) {
    await listener.close();
    throw error;
  }
}

/** How the stack is reached, while it runs. */
const ENDPOINTS = 'endpoints.json';
/** Fixed in the settings of stage `local`; there is no workgroup to ask. */
const WORKGROUP_ID = '00000000-0000-4000-8000-000000000000';

async function startOn(
  listener: Listener,
  services: Map<string, Service>,
  who: { authorizer?: Authorizer },
  raw: RawStack,
  settings: StackSettings,
): Promise<LocalStack> {
  const template = resolveTemplate(raw, listener.endpoint);
  const authorizer = createAuthorizer(readPermissions(template));
  who.authorizer = authorizer;
  const workgroupId = settings.workgroupId ?? WORKGROUP_ID;
  checkTrust(template, authorizer, { region: template.region, account: template.account, workgroupId });
  const sources: { started: Sources } = { started: { queueSources: [], streamSources: new Map() } };
  const base = {
    template,
    authorizer,
    endpoint: listener.endpoint,
    dataDir: path.resolve(settings.dataDir),
    speed: settings.speed ?? 1,
    workgroupId,
    secrets: settings.secrets ?? {},
    environments: settings.environments ?? 'threads',
    onInvocation: settings.onInvocation,
    onWrite: settings.onWrite,
    assetOf: raw.assetOf,
    streamSources: () => sources.started.streamSources,
  };
  const parts = await openParts(base);
  for (const service of makeServices(base, parts)) services.set(service.signingName, service);
  sources.started = startSources({
    ...base,
    ...parts,
    functions: parts.functions.map(({ target }) => target),
  });
  parts.book.start();
  return running(listener, authorizer, base, parts, sources.started, raw);
}

function running(
  listener: Listener,
  authorizer: Authorizer,
  base: Parameters<typeof openParts>[0],
  parts: Parts,
  { queueSources, streamSources }: Sources,
  raw: RawStack,
): LocalStack {
  const { template, endpoint, dataDir } = base;
  const credentials = { accessKeyId: OPERATOR_KEY, secretAccessKey: 'local' };
  const reachable = { region: template.region, endpoint, credentials, outputs: template.outputs };
  writeFileSync(path.join(dataDir, ENDPOINTS), `${JSON.stringify(reachable, undefined, 2)}\n`);
  const streams = [...streamSources.values()].flat();
  const targets = parts.functions.map(({ target }) => target);
  let deployed = raw;
  return {
    ...reachable,
    // The first version of the AWS CLI knows the other name only.
    variables: {
      ...clientVariables({ endpoint, dataDir }, OPERATOR_KEY),
      ...{ AWS_REGION: template.region, AWS_DEFAULT_REGION: template.region },
    },
    warehouse: parts.warehouse,
    notifications: parts.topics.notifications,
    onEvent: (listen) => parts.bus.onEvent(listen),
    stats: () => ({
      calls: { ...listener.calls },
      dynamodb: parts.dynamodbUsage,
      functions: Object.fromEntries(targets.map(({ settings, usage }) => [settings.logicalId, { ...usage }])),
      permissions: authorizer.usage(),
    }),
    pending: () =>
      sum(streams.map((stream) => stream.pending())) +
      sum(parts.functions.map(({ later }) => later.pending())) +
      sum(parts.polledQueues.map((queue) => queue.counts().ready + queue.counts().hidden)),
    deploy(assembly) {
      const context = { ...base, delivery: parts.delivery, asyncRetryMs: parts.asyncRetryMs };
      deployed = deployTo(parts.functions, context, deployed, assembly);
    },
    kill: (text) =>
      sum(
        targets
          .filter(({ settings }) => settings.logicalId.includes(text))
          .map((one) => one.kill('killed on request')),
      ),
    async stop() {
      // Whoever looks for the stack afterwards is told that it does not run.
      rmSync(path.join(dataDir, ENDPOINTS), { force: true });
      parts.book.stop();
      for (const source of [...queueSources, ...streams]) source.stop();
      for (const { later, target } of parts.functions) {
        later.stop();
        target.stop();
      }
      await listener.close();
      await parts.close();
      for (const source of streams) source.close();
    },
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
