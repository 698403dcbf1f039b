/**
 * One environment as one stack: storage, engine, a lane per destination account, alarms, and the outputs that the
 * command line reads.
 */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { makeAlarms } from './alarms/alarms.ts';
import { metricsFromLogs } from './alarms/log-metrics.ts';
import { makeOperators, type Operators } from './alarms/operators.ts';
import { type Audit, auditRuleName, makeAudit } from './audit.ts';
import { makeDashboard } from './dashboard.ts';
import { DestinationLane, makeLoader } from './destination-lane.ts';
import { makeEngine, makeParts } from './engine.ts';
import type { EngineFunctions } from './engine-functions.ts';
import type { EngineParts } from './engine-parts.ts';
import { makeOwners, type Owners } from './owners.ts';
import { releaseOf } from './release.ts';
import { onlyPublisher, onlyPublishers } from './resource-policies.ts';
import { saveQueries } from './saved-queries.ts';
import type { Environment } from './settings.ts';
import { makeStorage } from './storage.ts';
import { warehouseRoleName } from './warehouse-access.ts';

/** `Tailrace-<environment>`. */
export const stackName = (name: string): string => `Tailrace-${name}`;

type Monitored = {
  readonly parts: EngineParts;
  readonly lanesWithLoaders: readonly { readonly lane: DestinationLane; readonly loader: lambda.Function }[];
  readonly functions: EngineFunctions;
  /** Beside the engine: who tells owners and operators, and who keeps the records. */
  readonly others: readonly lambda.Function[];
};

export class EnvironmentStack extends Stack {
  constructor(scope: Construct, name: string, environment: Environment, props: StackProps = {}) {
    super(scope, stackName(name), {
      ...props,
      env: environment.aws,
      description: `Tailrace, environment ${name}`,
      tags: { 'tailrace:environment': name },
      terminationProtection: environment.retain,
    });
    const parts = makeParts(this, { name, environment, storage: makeStorage(this, name, environment) });
    const lanes = environment.accounts.map(
      (account) => new DestinationLane(this, `To-${account.name}`, parts, account),
    );
    const owners = makeOwners(this, parts);
    const audit = makeAudit(this, parts);
    const operators = makeOperators(this, parts);
    const others = [owners.notifyOwners, audit.recordAudit, operators.tellOperators];
    const functions = makeEngine(this, parts, lanes, others);
    const lanesWithLoaders = lanes.map((lane) => ({ lane, loader: makeLoader(lane, parts) }));
    const loaders = lanesWithLoaders.map(({ loader }) => loader);
    onlyPublishers(parts.bus, [...Object.values(functions), ...loaders]);
    onlyPublisher(operators.topic, operators.tellOperators, { andAlarms: true });
    this.addMonitoring({ parts, lanesWithLoaders, functions, others }, audit, operators);
    this.addOutputs(parts, functions, owners, audit);
    this.addDoctorOutputs(environment, lanes, loaders);
  }

  private addMonitoring(
    { parts, lanesWithLoaders, functions, others }: Monitored,
    { recordAudit }: Audit,
    { topic }: Operators,
  ): void {
    const all = [...Object.values(functions), ...lanesWithLoaders.map(({ loader }) => loader), ...others];
    const fromLogs = metricsFromLogs(parts.name, all);
    const raised = makeAlarms(this, {
      parts,
      functions,
      lanes: lanesWithLoaders,
      fromLogs,
      irreplaceable: {
        functions: [functions.reconcileSyncs, recordAudit],
        rules: [auditRuleName(this)],
      },
      topic,
    });
    new CfnOutput(this, 'AlarmTopic', { value: topic.topicArn });
    saveQueries(this, parts.name, all);
    if (parts.environment.dashboard) {
      const lanes = lanesWithLoaders.map(({ lane }) => lane);
      makeDashboard(this, { parts, lanes, functions: all, raised, fromLogs });
    }
  }

  /** What the command line reads. */
  private addOutputs(
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
  private addDoctorOutputs(
    environment: Environment,
    lanes: readonly DestinationLane[],
    loaders: readonly lambda.Function[],
  ): void {
    const names = lanes.map((lane, at) => [lane.account.name, loaders[at]?.functionName] as const);
    new CfnOutput(this, 'Release', { value: releaseOf(environment) });
    new CfnOutput(this, 'Loaders', { value: this.toJsonString(Object.fromEntries(names)) });
  }
}
