/**
 * `tailrace push <file...>`: checks each definition here, writes it as an item of the `definitions` table, and waits for
 * the status item that the environment sets beside it. Anything else that writes the item would do as well.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Command } from 'commander';
import { fingerprintOf } from '../shared/core/accept.ts';
import { changedBy, definitionIn } from '../shared/core/changed-by.ts';
import { type DefinitionFault, Fault } from '../shared/core/fault.ts';
import { parseSync } from '../shared/core/sync-rules.ts';
import type { DefinitionStatus } from '../shared/ports.ts';
import { modelFaults } from '../shared/warehouse/model-sql.ts';
import { type Environment, environmentOf } from './environment.ts';
import { principalOf } from './principal.ts';
import { printDone } from './print-done.ts';
import { printError, printFaults } from './print-error.ts';
import { readDefinition } from './read-definition.ts';

/** The stream, the reconciler's cold start and its look at the model's columns together. */
const ANSWER_MS_MAX = 60_000;
const POLL_MS = 250;

export function addPush(program: Command): void {
  program
    .command('push <file...>')
    .description('Write sync definitions (YAML or JSON) and wait until the environment has accepted them')
    .option('--unchecked', 'skip the check on this machine; the environment checks anyway')
    .action(async (files: readonly string[], { unchecked }: { unchecked?: boolean }) => {
      const environment = await environmentOf(program);
      let refused = false;
      for (const file of files) refused = !(await pushed(environment, file, unchecked === true)) || refused;
      if (refused) process.exitCode = 1;
    });
}

/** A file that cannot be pushed does not keep the others from it. */
async function pushed(environment: Environment, file: string, unchecked: boolean): Promise<boolean> {
  try {
    return await pushFile(environment, file, unchecked);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    printError(error);
    return false;
  }
}

async function pushFile(environment: Environment, file: string, unchecked: boolean): Promise<boolean> {
  const written = await readDefinition(file);
  const faults = unchecked ? [] : faultsOf(written);
  if (faults.length > 0) {
    printFaults(file, faults);
    return false;
  }
  const status = await writeDefinition(environment, syncIdOf(written, file), written as object);
  if (status.state === 'refused') {
    printFaults(file, status.faults);
    const runs = status.version === 0 ? 'no version of it runs' : `version ${status.version} keeps running`;
    console.error(`\n  Written, but not taken: ${runs}.`);
    return false;
  }
  printDone(`${file}: accepted as version ${status.version}`);
  return true;
}

/** What can be told without the environment: whether the account exists is for the environment to say. */
export function faultsOf(written: unknown): readonly DefinitionFault[] {
  const account = (written as { destination?: { account?: unknown } } | null)?.destination?.account;
  const parsed = parseSync(written, { accounts: typeof account === 'string' ? [account] : [] });
  return parsed.ok ? modelFaults(parsed.sync) : parsed.faults;
}

function syncIdOf(written: unknown, file: string): string {
  const syncId = (written as { syncId?: unknown } | null)?.syncId;
  if (typeof syncId === 'string' && syncId !== '') return syncId;
  throw new Fault('config', 'sync_id_missing', `${file} has no syncId`, {
    path: 'syncId',
    remedy: 'Give the sync an id: lower-case letters, digits and dashes.',
  });
}

/**
 * Writes the item, with who does it beside the definition, and gives the status that answers it. Throws a `transient`
 * Fault when none comes.
 */
export async function writeDefinition(
  environment: Environment,
  syncId: string,
  written: object,
): Promise<DefinitionStatus> {
  const { definitions, dynamodb, definitionsTable } = environment;
  const definition = definitionIn({ ...written, syncId });
  const author = changedBy(definition, await principalOf(environment), Date.now());
  await dynamodb.send(
    new PutCommand({
      TableName: definitionsTable,
      Item: { ...definition, item: 'definition', changedBy: author },
    }),
  );
  const answers = fingerprintOf(definition);
  const until = Date.now() + ANSWER_MS_MAX;
  while (Date.now() < until) {
    const status = await definitions.status(syncId);
    if (status?.answers === answers) return status;
    await sleep(POLL_MS);
  }
  throw new Fault(
    'transient',
    'no_answer',
    `the environment has not answered within ${ANSWER_MS_MAX / 1000} s`,
    {
      remedy: `The item is written; look at the status with \`tailrace status ${syncId}\`.`,
    },
  );
}
