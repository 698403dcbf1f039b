/** What the function that tells owners has: it reads state, definitions and failure records, and publishes. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { dynamoDefinitions } from '../shared/aws/dynamo-definitions.ts';
import { dynamoState } from '../shared/aws/dynamo-state.ts';
import { type LambdaTelemetry, powertoolsTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { s3Objects } from '../shared/aws/s3-objects.ts';
import { snsOwners } from '../shared/aws/sns-owners.ts';
import type { OwnerPorts } from '../shared/engine/notify-owner.ts';
import { requestHandler } from './runtime.ts';
import { definitionsVariables, ownersVariables, readVariables } from './variables.ts';

export function ownerPorts(): OwnerPorts & { readonly telemetry: LambdaTelemetry } {
  const { ENVIRONMENT, STATE_TABLE, STAGING_BUCKET, OWNER_TOPIC } = readVariables(ownersVariables);
  const { DEFINITIONS_TABLE } = readVariables(definitionsVariables);
  const dynamo = new DynamoDBClient({ requestHandler });
  return {
    clock: { now: () => Date.now() },
    environment: ENVIRONMENT,
    state: dynamoState(dynamo, STATE_TABLE),
    definitions: dynamoDefinitions(dynamo, { definitions: DEFINITIONS_TABLE, state: STATE_TABLE }),
    objects: s3Objects(new S3Client({ requestHandler }), STAGING_BUCKET),
    topic: snsOwners(new SNSClient({ requestHandler }), OWNER_TOPIC),
    telemetry: powertoolsTelemetry(ENVIRONMENT),
  };
}
