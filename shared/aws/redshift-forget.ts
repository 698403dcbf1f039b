/**
 * Dropping what the warehouse keeps for a deleted sync. Whoever asks has other people's edits waiting behind it, so it
 * waits a little only: the statement goes on by itself, and a repeat of the same deletion asks after it instead of
 * starting another. One that failed is tried again under another token, a few times.
 */
import { BatchExecuteStatementCommand, DescribeStatementCommand } from '@aws-sdk/client-redshift-data';
import { Fault } from '../core/fault.ts';
import { statementName } from '../core/names.ts';
import { forgetStatements } from '../warehouse/extraction-sql.ts';
import { redshiftCall, statementFault } from './redshift-calls.ts';
import { clientToken, connectionOf, type RedshiftParts } from './redshift-connection.ts';

/** Ten deletions in one event of the stream, each waiting so long, still end within the function's minute. */
const WAIT_SECONDS = 4;
/** Statements of one deletion within the hours that a token is known. */
const TRIES_MAX = 3;

/**
 * `epoch`: the sync's last, which names the deletion. Throws a `transient` Fault (`forgetting_goes_on`) while the
 * statement is at work, `statement_refused` when the warehouse refuses it again and again.
 */
export async function forgetSync(parts: RedshiftParts, syncId: string, epoch: number): Promise<void> {
  let refused: Fault | undefined;
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const Id = await submitted(parts, syncId, epoch, attempt);
    const { Status, Error: error } = await redshiftCall('waiting for a statement', () =>
      parts.client.send(new DescribeStatementCommand({ Id, WaitTimeSeconds: WAIT_SECONDS })),
    );
    if (Status === 'FINISHED') return;
    if (Status !== 'FAILED' && Status !== 'ABORTED') throw goesOn(syncId);
    refused = statementFault('statement_refused', error, 'syncId');
  }
  if (refused !== undefined) throw refused;
}

async function submitted(
  parts: RedshiftParts,
  syncId: string,
  epoch: number,
  attempt: number,
): Promise<string> {
  const { settings } = parts;
  const name = `${statementName(settings.environment, syncId, epoch)}/forget/${attempt}`;
  const command = new BatchExecuteStatementCommand({
    ...connectionOf(settings),
    Sqls: [...forgetStatements(settings.schema, syncId)],
    ClientToken: clientToken(parts, name),
  });
  const { Id } = await redshiftCall('dropping tables', () => parts.client.send(command));
  if (Id === undefined) throw new Fault('bug', 'no_statement_id', 'the Data API gave no statement id');
  return Id;
}

const goesOn = (syncId: string): Fault =>
  new Fault('transient', 'forgetting_goes_on', `the tables of ${syncId} are not dropped yet`, {
    remedy: 'Look who holds a lock on them, and whether the warehouse is resuming; the repeat asks again.',
  });
