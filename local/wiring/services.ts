/** All services that answer on the listener, over the opened parts. */
import { cloudformationService } from '../services/cloudformation.ts';
import { dynamodbService } from '../services/dynamodb.ts';
import { lambdaService } from '../services/lambda-api.ts';
import { redshiftDataService } from '../services/redshift-data.ts';
import { s3Service } from '../services/s3.ts';
import { schedulerService } from '../services/scheduler.ts';
import { secretsService } from '../services/secrets.ts';
import { snsService } from '../services/sns.ts';
import { sqsService } from '../services/sqs.ts';
import { stsService } from '../services/sts.ts';
import type { Service } from '../wire.ts';
import { type Base, type Parts, refs } from './parts.ts';
import { readSecrets } from './rules.ts';

export function makeServices(base: Base, parts: Parts): readonly Service[] {
  const { template, authorizer, endpoint, workgroupId } = base;
  const place = { account: template.account, region: template.region };
  const { queues, files, store, tables, book, functions, topics, warehouse: redshift } = parts;
  const groups = refs(template, 'AWS::Scheduler::ScheduleGroup');
  return [
    dynamodbService({ store, tables, authorizer, usage: parts.dynamodbUsage, onWrite: base.onWrite }),
    sqsService({
      queues,
      authorizer,
      urlOf: ({ settings }) => `${endpoint}/${place.account}/${settings.name}`,
    }),
    s3Service({ files, buckets: refs(template, 'AWS::S3::Bucket'), authorizer }),
    parts.busService,
    schedulerService({ ...place, groups, book, authorizer }),
    secretsService(readSecrets(template, base.secrets), authorizer),
    snsService(topics, authorizer),
    lambdaService(functions, authorizer),
    stsService(authorizer, place.account),
    cloudformationService(template, authorizer),
    redshiftDataService({ ...place, redshift, authorizer, workgroupId }),
  ];
}
