/**
 * One environment as one stack: storage, engine, a lane per destination account, alarms, and the outputs that the
 * command line reads.
 */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import {
  alarmOnFunction,
  alarmOnLastResort,
  alarmOnLostEvidence,
  alarmOnLostRule,
  engineMetric,
  makeAlarms,
} from './alarms.ts';
import { type Audit, auditRuleName, makeAudit } from './audit.ts';
import { DestinationLane, makeLoader } from './destination-lane.ts';
import { type EngineParts, makeEngine, makeParts } from './engine.ts';
import type { EngineFunctions } from './engine-functions.ts';
import { makeOwners, type Owners, ownerRuleName } from './owners.ts';
import { releaseOf } from './release.ts';
import type { Environment } from './settings.ts';
import { makeStorage } from './storage.ts';
import { warehouseRoleName } from './warehouse-access.ts';

/** `Tailrace-<environment>`. */
export const stackName = (name: string): string => `Tailrace-${name}`;

/** What the engine counts per destination account, and what it means when it happens at all. */
const ACCOUNT_ALARMS = [
  [
    'DeadLettersBuried',
    'dead_letters',
    'a batch was given up; its rows are dead until a later run sends them.',
  ],
  ['BreakerOpened', 'breaker_opened', 'the destination cannot be reached or refuses the credentials.'],
  ['RunStopped', 'run_stop_requested', 'a loader asked for a run to be stopped; its sync may be paused.'],
] as const;

export class EnvironmentStack extends Stack {
  constructor(scope: Construct, name: string, environment: Environment, props: StackProps = {}) {
    super(scope, stackName(name), {
      ...props,
      env: environment.aws,
      description: `Tailrace, environment ${name}`,
      tags: { 'tailrace:environment': name },
      terminationProtection: environment.retain,
    });
    const parts = makeParts(this, { name, environment, storage: makeStorage(this, environment) });
    const lanes = environment.accounts.map(
      (account) => new DestinationLane(this, `To-${account.name}`, parts, account),
    );
    const owners = makeOwners(this, parts);
    const audit = makeAudit(this, parts);
    const others = [owners.notifyOwners, audit.recordAudit];
    const functions = makeEngine(this, parts, lanes, others);
    const loaders = lanes.map((lane) => makeLoader(lane, parts));
    this.watch(parts, lanes, functions, loaders, others);
    this.tell(parts, functions, owners, audit);
    this.tellDoctor(environment, lanes, loaders);
  }

  private watch(
    parts: EngineParts,
    lanes: readonly DestinationLane[],
    functions: EngineFunctions,
    loaders: readonly lambda.Function[],
    others: readonly lambda.Function[],
  ): void {
    const alarms = makeAlarms(this, parts);
    new CfnOutput(this, 'AlarmTopic', { value: alarms.topic.topicArn });
    for (const fn of [...Object.values(functions), ...loaders, ...others]) alarmOnFunction(alarms, fn);
    const { startRun, fanOut, finishRun, sweep, reconcileSyncs } = functions;
    alarmOnLostEvidence(alarms, this, parts, [startRun, fanOut, finishRun, sweep, reconcileSyncs, ...others]);
    alarmOnLostRule(alarms, this, 'NoticeLost', parts, ownerRuleName(this));
    alarmOnLostRule(alarms, this, 'RecordLost', parts, auditRuleName(this));
    alarmOnLastResort(alarms, parts.undelivered, 'An event was given up: a start, a statement end, an edit.');
    const errors = engineMetric('errors', parts.name);
    alarms.when(
      this,
      'ErrorsLogged',
      errors,
      0,
      'The engine met something that should not be; see its logs.',
    );
    for (const lane of lanes) {
      const { name } = lane.account;
      alarmOnLastResort(alarms, lane.deadLetters, `Dead letters of ${name} could not be buried.`);
      for (const [id, metric, description] of ACCOUNT_ALARMS) {
        alarms.when(lane, id, engineMetric(metric, parts.name, name), 0, `${name}: ${description}`);
      }
    }
  }

  private tell(
    parts: EngineParts,
    { api, startRun }: EngineFunctions,
    { topic }: Owners,
    { bucket }: Audit,
  ): void {
    const { name, storage, bus, schedules, unloadRole } = parts;
    const values = {
      DefinitionsTable: storage.definitions.tableName,
      StateTable: storage.state.tableName,
      StagingBucket: storage.staging.bucketName,
      ApiFunction: api.functionName,
      StartRunFunction: startRun.functionName,
      EventBus: bus.eventBusName,
      OwnerTopic: topic.topicArn,
      AuditBucket: bucket.bucketName,
      SyncSchedules: schedules.group.ref,
      WarehouseRole: warehouseRoleName(name),
      ...(unloadRole === undefined ? {} : { UnloadRole: unloadRole }),
    };
    const outputs = new Construct(this, 'Outputs');
    for (const [output, value] of Object.entries(values))
      new CfnOutput(outputs, output, { value }).overrideLogicalId(output);
  }
  /** What `tailrace doctor` holds against the checkout and asks of each loader. */
  private tellDoctor(
    environment: Environment,
    lanes: readonly DestinationLane[],
    loaders: readonly lambda.Function[],
  ): void {
    const names = lanes.map((lane, at) => [lane.account.name, loaders[at]?.functionName] as const);
    new CfnOutput(this, 'Release', { value: releaseOf(environment) });
    new CfnOutput(this, 'Loaders', { value: this.toJsonString(Object.fromEntries(names)) });
  }
}
