/** What `npm start -- --keep` says when it stays, and how it stays: until it is interrupted. */
import path from 'node:path';
import pc from 'picocolors';
import type { World } from './world.ts';

/** Prints endpoints and things to try, then waits for an interrupt. */
export async function keepRunning({ stack, sink, database }: World, dataDir: string): Promise<void> {
  const variables = Object.entries(stack.variables).filter(([name]) =>
    /KEY|REGION|AWS_ENDPOINT_URL$/.test(name),
  );
  const { DefinitionsTable, StateTable } = stack.outputs;
  const { port, user, password } = database.server;
  const lines = [
    pc.bold('\nEverything keeps running; Ctrl-C ends it, and starting it again finds its data.'),
    '',
    `AWS services  ${stack.endpoint}`,
    `CRM, audience ${sink.url}   (${sink.url}/-/stats, ${sink.url}/-/records/contacts)`,
    `PostgreSQL    postgresql://${user}:${password}@127.0.0.1:${port}/app`,
    `logs          ${path.relative('.', path.join(dataDir, 'logs'))}/`,
    '',
    pc.bold('Try, in another terminal'),
    'npx tailrace status',
    'npx tailrace push examples/broken.yaml      # refused, with what to mend',
    'npx tailrace pause customers-to-app         # and resume, and run',
    `curl -X PUT '${sink.url}/-/outage?account=crm&on=1'   # break the CRM; on=0 mends it`,
    '',
    pc.dim('the AWS CLI, pointed at this stack:'),
    `export ${variables.map(([name, value]) => `${name}=${value}`).join(' ')}`,
    `aws dynamodb get-item --table-name ${DefinitionsTable} --key '{"syncId":{"S":"customers-to-crm"},"item":{"S":"status"}}'`,
    `aws dynamodb query --table-name ${StateTable} --key-condition-expression '#p = :p' \\`,
    `  --expression-attribute-names '{"#p":"partition"}' --expression-attribute-values '{":p":{"S":"SYNC"}}'`,
    'aws sqs list-queues',
    '',
  ];
  console.log(lines.join('\n'));
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
    // A promise alone keeps no process alive.
    setInterval(() => undefined, 60_000);
  });
}
