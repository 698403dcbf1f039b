/** The extractor alone: acquires, submits, waits for the statement, fans out; its messages go back to the parent. */
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { redshiftWarehouse } from '../shared/aws/redshift-warehouse.ts';
import { acceptDefinition } from '../shared/core/accept.ts';
import type { BatchMessage } from '../shared/core/message.ts';
import { parseSync } from '../shared/core/sync-rules.ts';
import { fanOut } from '../shared/engine/fan-out.ts';
import { startRun } from '../shared/engine/start-run.ts';
import { readRun } from '../shared/engine/sync-state.ts';
import type { Definitions, Ports, Queue } from '../shared/ports.ts';
import { ACCOUNT, beParty, type PartySettings, partyPorts } from './party.ts';
import { benchDefinition } from './people.ts';

const STATEMENT_POLL_MS = 1000;

await beParty(async (settings) => {
  const messages: BatchMessage[] = [];
  const ports = extractorPorts(settings, messages);
  const { syncId } = settings;
  const owner = ports.ids.next();
  const started = await startRun(ports, { syncId, scheduledAt: Date.now(), owner, force: true });
  if (started.is !== 'started') throw new Error(`the run did not start: ${JSON.stringify(started)}`);
  const { epoch } = started;
  const run = await readRun(ports.state, syncId, epoch);
  await finished(ports, run?.statementId ?? '');
  const { signal } = new AbortController();
  const fanned = await fanOut(ports, { syncId, epoch, statement: 'finished', signal });
  if (fanned.is !== 'loading') throw new Error(`the fan-out came to ${JSON.stringify(fanned)}`);
  const sealed = await readRun(ports.state, syncId, epoch);
  return { rows: sealed?.sealed?.counts.extracted ?? 0, messages };
});

async function finished({ warehouse, clock }: Ports, statementId: string): Promise<void> {
  for (;;) {
    const { state, reason } = await warehouse.status(statementId);
    if (state === 'finished') return;
    if (state !== 'running') throw new Error(`the statement ${state}: ${reason}`);
    await clock.sleep(STATEMENT_POLL_MS);
  }
}

function extractorPorts(settings: PartySettings, messages: BatchMessage[]): Ports {
  const common = partyPorts(settings);
  const { endpoint, region, credentials, outputs, extraction, stageKey } = settings;
  const queue: Queue = {
    async send(_account, _lane, sent) {
      messages.push(...sent);
      return [];
    },
  };
  return {
    ...common,
    queue,
    definitions: definitionsOf(settings.syncId),
    schedules: { put: async () => undefined, remove: async () => undefined },
    warehouse: redshiftWarehouse({
      client: new RedshiftDataClient({ endpoint, region, credentials }),
      objects: common.objects,
      settings: {
        environment: common.settings.environment,
        kind: 'serverless',
        workgroup: 'local',
        database: 'warehouse',
        schema: 'tailrace',
        extraction,
        unloadRole: outputs.UnloadRole,
        stageKey,
      },
    }),
  };
}

function definitionsOf(syncId: string): Definitions {
  const parsed = parseSync({ ...benchDefinition('diff'), syncId }, { accounts: [ACCOUNT.name] });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const accepted = acceptDefinition(parsed.sync, undefined);
  return {
    accepted: async () => accepted,
    written: async () => undefined,
    accept: async () => true,
    forget: async () => undefined,
    setStatus: async () => undefined,
    status: async () => undefined,
  };
}
