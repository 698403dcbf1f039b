/**
 * The fixture's stack in a process of its own, so that a test can kill it: `node run-fixture.ts <directory> [processes]`.
 * With `processes` it prints the process of each environment of the probe that is invoked.
 */
import path from 'node:path';
import { startStack } from '../../local/stack.ts';
import { STACK_NAME, writeAssembly } from './fixture.ts';

const directory = process.argv[2] ?? '';
writeAssembly(path.join(directory, 'cdk.out'));
const stack = await startStack({
  assembly: path.join(directory, 'cdk.out'),
  stackName: STACK_NAME,
  dataDir: path.join(directory, 'data'),
  ...(process.argv[3] === 'processes' ? { environments: 'processes', onInvocation: tell } : {}),
});
const { endpoint, region, credentials, outputs } = stack;
await stack.warehouse.sql('create table if not exists kept (n int); insert into kept values (1)');
const rows = await stack.warehouse.sql('select count(*)::int as n from kept');
process.stdout.write(`${JSON.stringify({ endpoint, region, credentials, outputs, rows })}\n`);

function tell(logicalId: string, probe: number | undefined): void {
  if (logicalId === 'Probe') process.stdout.write(`${JSON.stringify({ probe })}\n`);
}
