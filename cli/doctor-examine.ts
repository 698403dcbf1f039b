/**
 * The examination: what is asked of whom, in which order. Nothing depends on an answer that may be missing: without a
 * stack the account is still looked at, without definitions the warehouse is.
 */
import { CHECK_MODELS_MAX, CLOCK_SKEW_MS } from '../shared/core/limits.ts';
import type { Sync } from '../shared/core/sync.ts';
import { checkBootstrap, checkConcurrency, checkCredentials, checkStack } from './doctor-account.ts';
import { checkAlarms } from './doctor-alarms.ts';
import { askApi, type Finding } from './doctor-ask.ts';
import { asked, type Check, missing, ok, unknown } from './doctor-check.ts';
import { checkAccounts } from './doctor-destinations.ts';
import { checkKeyPolicy } from './doctor-key.ts';
import type { Outputs, Subject } from './doctor-subject.ts';
import { checkDefinitions, checkSchedules, needsEngineSchema } from './doctor-syncs.ts';
import { judgeModels, judgeWarehouse, MODELS } from './doctor-warehouse.ts';

/** Every check of an environment. Never throws: what cannot be asked is `unknown`. */
export async function examine(subject: Subject): Promise<readonly Check[]> {
  const checks = await everyCheck(subject);
  if (subject.name === 'local') return checks;
  // This very command takes the local stack unless it is told another environment.
  const named = (step: string): string =>
    step.replaceAll('npx tailrace ', `npx tailrace --env ${subject.name} `);
  return checks.map((check) => ({ ...check, mend: check.mend.map(named) }));
}

async function everyCheck(subject: Subject): Promise<readonly Check[]> {
  const credentials = await checkCredentials(subject);
  if (credentials.state !== 'ok') return [credentials];
  const [bootstrap, concurrency, stack] = await Promise.all([
    subject.settings.local ? [] : checkBootstrap(subject),
    checkConcurrency(subject),
    checkStack(subject),
  ]);
  const account = [credentials, ...bootstrap, ...concurrency, ...stack.checks];
  return stack.outputs === undefined ? account : [...account, ...(await inside(subject, stack.outputs))];
}

async function inside(subject: Subject, outputs: Outputs): Promise<readonly Check[]> {
  const { clients } = subject;
  const definitions = await checkDefinitions(clients, outputs);
  const syncs = (definitions.syncs ?? []).flatMap(({ accepted }) =>
    accepted === undefined ? [] : [accepted],
  );
  const [warehouse, accounts, schedules, alarms, keyPolicy] = await Promise.all([
    checkFunctions(subject, outputs, definitions.syncs === undefined ? undefined : syncs),
    checkAccounts(subject, outputs, syncs),
    checkSchedules(clients, outputs, definitions.syncs),
    checkAlarms(subject, outputs),
    checkKeyPolicy(subject, outputs),
  ]);
  return [...warehouse, ...keyPolicy, ...definitions.checks, ...schedules, ...accounts, ...alarms];
}

/** What only the engine's own roles can find out. `syncs` undefined: not known, so everything is needed. */
function checkFunctions(
  subject: Subject,
  outputs: Outputs,
  syncs: readonly Sync[] | undefined,
): Promise<readonly Check[]> {
  const rule = { name: 'functions', rule: 'the api function answers for the engine' };
  return asked(rule, 'lambda:InvokeFunction', async () => {
    const api = outputs.ApiFunction ?? '';
    const { findings } = await askApi(subject.clients, api);
    const needs = { engineSchema: syncs === undefined || syncs.some(needsEngineSchema) };
    const isConnected = findings.some(({ check, is }) => check === 'connection' && is === 'ok');
    return [
      await checkClock(subject, api),
      ...judgeWarehouse(subject, outputs, needs, findings),
      ...(isConnected ? await checkModels(subject, outputs, syncs) : []),
    ];
  });
}

async function checkModels(
  { clients }: Subject,
  outputs: Outputs,
  syncs: readonly Sync[] | undefined,
): Promise<readonly Check[]> {
  if (syncs === undefined) return [unknown(MODELS, 'definitions unread')];
  const api = outputs.ApiFunction ?? '';
  const findings: Finding[] = [];
  for (let at = 0; at < syncs.length; at += CHECK_MODELS_MAX) {
    const some = syncs.slice(at, at + CHECK_MODELS_MAX).map(({ syncId }) => syncId);
    findings.push(...(await askApi(clients, api, some)).findings);
  }
  return judgeModels(outputs, findings);
}

/** An empty question, now that the function is warm: half of the way there and back is all that is uncertain. */
async function checkClock({ clients, settings }: Subject, api: string): Promise<Check> {
  const limitMs = Math.max(settings.timing.clockSkewMs, CLOCK_SKEW_MS);
  const rule = { name: 'clock', rule: `within ${limitMs / 1000} s of the functions'` };
  const before = Date.now();
  const { now } = await askApi(clients, api, []);
  const after = Date.now();
  const skewMs = Math.max(0, before - now, now - after);
  const value = `${(skewMs / 1000).toFixed(1)} s apart`;
  return skewMs <= limitMs ? ok(rule, value) : missing(rule, value, 'Set this machine’s clock by NTP.');
}
