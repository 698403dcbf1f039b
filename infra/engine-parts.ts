/** What the engine, the lanes and everything around them share within one environment. */
import type * as events from 'aws-cdk-lib/aws-events';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as scheduler from 'aws-cdk-lib/aws-scheduler';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Environment } from './settings.ts';
import type { Storage } from './storage.ts';

/** What every part of an environment is made of. */
export type EngineParts = {
  readonly name: string;
  readonly environment: Environment;
  readonly storage: Storage;
  readonly bus: events.EventBus;
  /** Events that no function took: evidence, each alarmed. */
  readonly undelivered: sqs.Queue;
  readonly schedules: Schedules;
  /** ARN of the role that the warehouse writes the stage with; undefined when rows are paged. */
  readonly unloadRole: string | undefined;
};

/** The group that holds a schedule per sync, and the role that starts runs. */
export type Schedules = {
  readonly group: scheduler.CfnScheduleGroup;
  readonly groupName: string;
  readonly role: iam.Role;
};
