/**
 * The syncs of an environment: what people wrote and what became of it, and a schedule for each, no more and no fewer.
 */
import { ListSchedulesCommand, type ScheduleSummary } from '@aws-sdk/client-scheduler';
import { paginateQuery, paginateScan } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { CHECK_PAGES_MAX } from '../shared/core/limits.ts';
import { ACCEPTED_PARTITION, SYNC_ID } from '../shared/core/names.ts';
import { removedPolicy, type Sync, syncSchema } from '../shared/core/sync.ts';
import { asked, type Check, missing, ok, type Rule, unknown } from './doctor-check.ts';
import type { Clients, Outputs } from './doctor-subject.ts';

/** One sync as the tables have it. */
export type KnownSync = {
  readonly syncId: string;
  /** The item that people write is there. */
  readonly isWritten: boolean;
  /** What runs now. */
  readonly accepted: Sync | undefined;
  readonly status: { readonly state: string; readonly faults: readonly SyncFault[] } | undefined;
};
type SyncFault = { readonly path: string; readonly message: string };

const DEFINITIONS: Rule = { name: 'definitions', rule: 'each is answered, none is refused' };

export type Definitions = {
  readonly checks: readonly Check[];
  /** Undefined when the table could not be read. */
  readonly syncs: readonly KnownSync[] | undefined;
};

/** Reads all of both: there are as many items as people wrote. */
export async function checkDefinitions(clients: Clients, outputs: Outputs): Promise<Definitions> {
  let syncs: readonly KnownSync[] | undefined;
  let running: ReadonlyMap<string, Sync> | undefined;
  const unread = await asked(DEFINITIONS, 'dynamodb:Query', async () => {
    running = await runningSyncs(clients, outputs.StateTable ?? '');
    return [];
  });
  const checks = await asked(DEFINITIONS, 'dynamodb:Scan', async () => {
    const items = await scan(clients, outputs.DefinitionsTable ?? '');
    const known = knownSyncs(items, running ?? new Map());
    // Without what runs, no schedule and no account can be judged.
    if (running !== undefined) syncs = known;
    return judgeDefinitions(known);
  });
  return { checks: [...unread, ...checks], syncs };
}

/** What runs now, by sync: in the state table, where people cannot write. */
async function runningSyncs(
  { documents: client }: Clients,
  TableName: string,
): Promise<ReadonlyMap<string, Sync>> {
  const pages = paginateQuery(
    { client },
    {
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: '#partition = :partition',
      ExpressionAttributeNames: { '#partition': 'partition' },
      ExpressionAttributeValues: { ':partition': ACCEPTED_PARTITION },
    },
  );
  const items = (await allOf(pages)).map((item) => acceptedItemSchema.parse(item));
  return new Map(
    items.flatMap(({ sort, body }): [string, Sync][] => {
      const read = acceptedSchema.safeParse(JSON.parse(body));
      return read.success ? [[sort, read.data.sync]] : [];
    }),
  );
}

const acceptedItemSchema = z.looseObject({ sort: z.string(), body: z.string() });
const itemSchema = z.looseObject({ syncId: z.string(), item: z.string(), body: z.string().optional() });
type Item = z.infer<typeof itemSchema>;

async function scan({ documents: client }: Clients, TableName: string): Promise<readonly Item[]> {
  const items = await allOf(paginateScan({ client }, { TableName, ConsistentRead: true }));
  return items.map((item) => itemSchema.parse(item));
}

async function allOf(pages: AsyncIterable<{ readonly Items?: unknown[] | undefined }>): Promise<unknown[]> {
  const items: unknown[] = [];
  let read = 0;
  for await (const { Items = [] } of pages) {
    read += 1;
    if (read > CHECK_PAGES_MAX) {
      throw Object.assign(new Error('too many definitions'), { name: 'TooManyDefinitions' });
    }
    items.push(...Items);
  }
  return items;
}

const acceptedSchema = z.object({ sync: syncSchema });
const statusSchema = z.object({
  state: z.string(),
  faults: z.array(z.object({ path: z.string(), message: z.string() })),
});

function knownSyncs(items: readonly Item[], running: ReadonlyMap<string, Sync>): readonly KnownSync[] {
  const bySync = Map.groupBy(items, ({ syncId }) => syncId);
  const ids = [...new Set([...bySync.keys(), ...running.keys()])].toSorted();
  return ids.map((syncId) => knownSync(syncId, bySync.get(syncId) ?? [], running.get(syncId)));
}

function knownSync(syncId: string, items: readonly Item[], accepted: Sync | undefined): KnownSync {
  const text = items.find(({ item }) => item === 'status')?.body;
  const status = statusSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
  return {
    syncId,
    isWritten: items.some(({ item }) => item === 'definition'),
    accepted,
    status: status.success ? status.data : undefined,
  };
}

function judgeDefinitions(syncs: readonly KnownSync[]): readonly Check[] {
  const written = syncs.filter(({ isWritten }) => isWritten);
  if (written.length === 0) {
    return [ok(DEFINITIONS, 'none yet')];
  }
  const bad = written.flatMap(({ syncId, status }) => {
    if (status === undefined) {
      return [missing(DEFINITIONS, `${syncId}: not answered`, pushAgain(syncId))];
    }
    const [fault] = status.faults;
    if (status.state !== 'refused') return [];
    const why = fault === undefined ? '' : `: ${fault.path === '' ? '' : `${fault.path}: `}${fault.message}`;
    return [missing(DEFINITIONS, `${syncId} is refused${why}`, `npx tailrace status ${asWord(syncId)}`)];
  });
  return bad.length > 0 ? bad : [ok(DEFINITIONS, `${written.length} accepted`)];
}

/** Whether a sync keeps a snapshot or deltas in the engine's own schema. */
export const needsEngineSchema = (sync: Sync): boolean =>
  sync.model.changes.by === 'diff' || removedPolicy(sync) !== 'ignore';

const SCHEDULES: Rule = { name: 'schedules', rule: 'one for each accepted sync' };

/** Holds the schedules that start runs against the accepted syncs; the sweep's own is not one of them. */
export function checkSchedules(
  clients: Clients,
  outputs: Outputs,
  syncs: readonly KnownSync[] | undefined,
): Promise<readonly Check[]> {
  return asked(SCHEDULES, 'scheduler:ListSchedules', async () => {
    const schedules = await list(clients, outputs);
    if (syncs === undefined) return unknown(SCHEDULES, `${schedules.length} there, definitions unread`);
    return judgeSchedules(outputs, schedules, syncs);
  });
}

async function list({ scheduler }: Clients, outputs: Outputs): Promise<readonly ScheduleSummary[]> {
  const schedules: ScheduleSummary[] = [];
  let token: string | undefined;
  for (let page = 0; page < CHECK_PAGES_MAX; page += 1) {
    const command = new ListSchedulesCommand({
      GroupName: outputs.SyncSchedules,
      ...(token === undefined ? {} : { NextToken: token }),
    });
    const { Schedules = [], NextToken } = await scheduler.send(command);
    schedules.push(...Schedules);
    if (NextToken === undefined) break;
    token = NextToken;
  }
  return schedules.filter(({ Target }) => Target?.Arn?.endsWith(`:function:${outputs.StartRunFunction}`));
}

export function judgeSchedules(
  outputs: Outputs,
  schedules: readonly Pick<ScheduleSummary, 'Name' | 'State'>[],
  syncs: readonly KnownSync[],
): readonly Check[] {
  const wanted = new Map(
    syncs.flatMap(({ syncId, accepted }) =>
      accepted === undefined ? [] : [[syncId, accepted.enabled ? 'ENABLED' : 'DISABLED'] as const],
    ),
  );
  const found = new Map(schedules.map(({ Name = '', State = '' }) => [Name, State as string]));
  const absent = [...wanted.keys()].filter((syncId) => !found.has(syncId));
  const wrong = [...wanted].filter(([syncId, state]) => found.has(syncId) && found.get(syncId) !== state);
  const orphans = [...found.keys()].filter((name) => !wanted.has(name));
  const group = outputs.SyncSchedules ?? '';
  const bad = [
    ...absent.map((syncId) => missing(SCHEDULES, `${syncId} has none`, pushAgain(syncId))),
    ...wrong.map(([syncId, state]) =>
      missing(
        SCHEDULES,
        `${syncId} is ${found.get(syncId)}, its definition says ${state}`,
        pushAgain(syncId),
      ),
    ),
    ...orphans.map((name) =>
      missing(
        SCHEDULES,
        `${name} belongs to no sync`,
        `aws scheduler delete-schedule --group-name ${group} --name ${name}`,
      ),
    ),
  ];
  return bad.length > 0 ? bad : [ok(SCHEDULES, `${found.size} there`)];
}

/** For a shell: the key of an item may be anything. */
export const asWord = (syncId: string): string =>
  SYNC_ID.test(syncId) ? syncId : `'${syncId.replaceAll("'", "'\\''")}'`;

const pushAgain = (syncId: string): string => `npx tailrace push <the file of ${syncId}>`;
