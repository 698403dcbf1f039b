/** What the audit function has: it reads state and frozen definitions, and adds to the audit bucket. It can tell nobody. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { dynamoState } from '../shared/aws/dynamo-state.ts';
import { type LambdaTelemetry, powertoolsTelemetry } from '../shared/aws/powertools-telemetry.ts';
import { s3Audit } from '../shared/aws/s3-audit.ts';
import { s3Objects } from '../shared/aws/s3-objects.ts';
import type { AuditPorts } from '../shared/engine/audit.ts';
import { requestHandler } from './runtime.ts';
import { auditVariables, readVariables } from './variables.ts';

export function auditPorts(): AuditPorts & { readonly telemetry: LambdaTelemetry } {
  const { ENVIRONMENT, STATE_TABLE, STAGING_BUCKET, AUDIT_BUCKET } = readVariables(auditVariables);
  const s3 = new S3Client({ requestHandler });
  return {
    environment: ENVIRONMENT,
    state: dynamoState(new DynamoDBClient({ requestHandler }), STATE_TABLE),
    objects: s3Objects(s3, STAGING_BUCKET),
    audit: s3Audit(s3, AUDIT_BUCKET),
    telemetry: powertoolsTelemetry(ENVIRONMENT),
  };
}
