/**
 * Whether runs would work, asked of the warehouse and the tables by the role and the keys that runs use. Nothing is
 * thrown: what fails is a finding, in the words of the Fault that a run would have met.
 */
import { asFault } from '../core/fault.ts';
import { CHECK_MODELS_AT_ONCE } from '../core/limits.ts';
import { PROBE_ID, syncKey } from '../core/names.ts';
import { requireColumns } from '../core/needed-columns.ts';
import type { Ports, WarehouseProbe } from '../ports.ts';

export type WarehouseCheck =
  | 'tables'
  | 'connection'
  | 'statement_timeout'
  | 'temporary_tables'
  | 'engine_schema'
  | 'unload'
  | 'copy'
  | 'model';

export type WarehouseFinding = {
  readonly check: WarehouseCheck;
  /** The sync that a model belongs to. */
  readonly syncId?: string;
  /** `unclear`: it may pass by itself. `unused`: this environment does not need it. */
  readonly is: 'ok' | 'failed' | 'unclear' | 'unused';
  /** The code of the Fault, for those that are not well. */
  readonly code?: string;
  /** What was found: a name, a number, the Fault's message. No value of a row. */
  readonly value: string;
};

export type CheckPorts = Pick<Ports, 'ids' | 'state' | 'definitions' | 'warehouse'> & {
  readonly probe: WarehouseProbe;
};

/** Everything that does not depend on a definition. Without a connection nothing else of the warehouse is asked. */
export async function checkWarehouse(ports: CheckPorts): Promise<readonly WarehouseFinding[]> {
  const { probe } = ports;
  const probeId = ports.ids.next();
  const findings = [await tables(ports)];
  let timeoutMs = 0;
  const connection = await attempt('connection', async () => {
    const { user, statementTimeoutMs } = await probe.identity();
    timeoutMs = statementTimeoutMs;
    return user;
  });
  findings.push(connection);
  if (connection.is !== 'ok') return findings;
  findings.push({ check: 'statement_timeout', is: 'ok', value: String(timeoutMs) });
  findings.push(
    await attempt('temporary_tables', () => probe.temporaryTables()),
    await attempt('engine_schema', () => probe.engineSchema(probeId)),
  );
  let isUnloading = false;
  const unload = await attempt('unload', async () => {
    isUnloading = await probe.unload(probeId);
  });
  if (unload.is === 'ok' && !isUnloading) return [...findings, { ...unload, is: 'unused' }];
  findings.push(unload);
  if (isUnloading) findings.push(await attempt('copy', () => probe.copy(probeId)));
  return findings;
}

/** Whether each sync's model can be read and has the columns that its definition names. */
export async function checkModels(
  ports: CheckPorts,
  syncIds: readonly string[],
): Promise<readonly WarehouseFinding[]> {
  const findings: WarehouseFinding[] = [];
  for (let at = 0; at < syncIds.length; at += CHECK_MODELS_AT_ONCE) {
    const some = syncIds.slice(at, at + CHECK_MODELS_AT_ONCE);
    findings.push(...(await Promise.all(some.map((syncId) => model(ports, syncId)))));
  }
  return findings;
}

async function model({ definitions, warehouse }: CheckPorts, syncId: string): Promise<WarehouseFinding> {
  const finding = await attempt('model', async () => {
    const accepted = await definitions.accepted(syncId);
    if (accepted === undefined) return 'none accepted';
    const columns = await warehouse.describe(accepted.sync.model.sql);
    requireColumns(accepted.sync, columns);
    return `${columns.length} columns`;
  });
  return { ...finding, syncId };
}

/** Items that nobody writes: an answer, even an empty one, has come through the table and its key. */
const tables = ({ state, definitions }: CheckPorts): Promise<WarehouseFinding> =>
  attempt('tables', async () => {
    await state.read(syncKey(PROBE_ID));
    await definitions.written(PROBE_ID);
  });

/** What the act gives is the value when it is a text. */
async function attempt(check: WarehouseCheck, act: () => Promise<unknown>): Promise<WarehouseFinding> {
  try {
    const value = await act();
    return { check, is: 'ok', value: typeof value === 'string' ? value : '' };
  } catch (error) {
    const { kind, code, message } = asFault(error);
    return { check, is: kind === 'transient' ? 'unclear' : 'failed', code, value: message };
  }
}
