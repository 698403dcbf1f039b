/** What `npm start -- --keep` says when it stays, and how it stays: until it is interrupted. */
import path from 'node:path';
import pc from 'picocolors';
import type { World } from './world.ts';

/** Prints endpoints and things to try, then waits for an interrupt. */
export async function keepRunning(world: World, dataDir: string): Promise<void> {
  console.log([...reachable(world, dataDir), ...toTry(world, dataDir), ...withAwsCli(world), ''].join('\n'));
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
    // A promise alone keeps no process alive.
    setInterval(() => undefined, 60_000);
  });
}

/** A line for a shell that shows failed rows of a sync; objects are files whose name ends in `@`. */
export function failuresCommand(dataDir: string, bucket: string, syncId: string): string {
  return `cat ${dataDir}/s3/${bucket}/kept/${syncId}/*/failures/*.ndjson@ | tail`;
}

const shown = (dataDir: string): string => path.relative('.', dataDir);

function reachable({ stack, sink, database }: World, dataDir: string): readonly string[] {
  const { port, user, password } = database.server;
  return [
    pc.bold('\nEverything keeps running; Ctrl-C ends it, and starting it again finds its data.'),
    '',
    `AWS services  ${stack.endpoint}`,
    `CRM, audience ${sink.url}   (${sink.url}/-/stats, ${sink.url}/-/records/contacts)`,
    `PostgreSQL    postgresql://${user}:${password}@127.0.0.1:${port}/app`,
    `logs          ${shown(dataDir)}/logs/`,
    '',
  ];
}

function toTry({ sink, bucket }: World, dataDir: string): readonly string[] {
  return [
    pc.bold('Try, in another terminal'),
    'npx tailrace status',
    'npx tailrace push examples/loyal-to-crm.yaml  # one sync more: status and run take its name',
    `curl -s ${sink.url}/-/records/loyal | head -1  # what it has sent`,
    'npx tailrace push examples/broken.yaml      # refused, with what to fix',
    'npx tailrace pause customers-to-app         # and resume, and run',
    `curl -X PUT '${sink.url}/-/outage?account=crm&on=1'   # break the CRM; on=0 ends that`,
    pc.dim('rows that failed, with key, code and reason, as each run left them: kept/<sync>/<run>/failures/'),
    failuresCommand(shown(dataDir), bucket, 'customers-to-crm'),
    '',
  ];
}

/** Lines that work as they are, in this order. */
function withAwsCli({ stack, settings, bucket }: World): readonly string[] {
  const variables = Object.entries(stack.variables).filter(([name]) =>
    /KEY|REGION|AWS_ENDPOINT_URL$/.test(name),
  );
  const { DefinitionsTable, StateTable } = stack.outputs;
  const { warehouse } = settings;
  const place = `--workgroup-name ${warehouse.kind === 'serverless' ? warehouse.workgroup : ''} --database ${warehouse.database}`;
  return [
    pc.dim('the AWS CLI, pointed at this stack:'),
    `export ${variables.map(([name, value]) => `${name}=${value}`).join(' ')}`,
    `aws dynamodb get-item --table-name ${DefinitionsTable} --key '{"syncId":{"S":"customers-to-crm"},"item":{"S":"status"}}'`,
    `aws dynamodb query --table-name ${StateTable} --key-condition-expression '#p = :p' \\`,
    `  --expression-attribute-names '{"#p":"partition"}' --expression-attribute-values '{":p":{"S":"SYNC"}}'`,
    'aws sqs list-queues',
    `aws s3 ls s3://${bucket}/kept/customers-to-crm/ --recursive`,
    pc.dim('SQL on the warehouse; a change is sent by the next run:'),
    `id=$(aws redshift-data execute-statement ${place} --query Id --output text \\`,
    `  --sql "update shop.customers set email = 'new@example.com', updated_at = sysdate where customer_id = 7")`,
    `id=$(aws redshift-data execute-statement ${place} --query Id --output text \\`,
    `  --sql 'select customer_id, email from shop.customers where customer_id = 7')`,
    'aws redshift-data describe-statement --id "$id"       # Status: FINISHED, or FAILED and why',
    'aws redshift-data get-statement-result --id "$id"',
  ];
}
