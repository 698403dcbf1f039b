/**
 * A deploy onto a stack that runs: the functions' code, variables and limits are replaced, as Lambda does it. Whatever is
 * at work ends as it began, every later event runs the new code. Any other difference of the templates needs a new start.
 */
import { isDeepStrictEqual } from 'node:util';
import { loadStack, type RawResource, type RawStack } from '../template/assembly.ts';
import { resolveTemplate } from '../template/template.ts';
import { type FunctionContext, functionSettings, type RunningFunction } from './functions.ts';

/** Throws an Error that names a resource that is not the same apart from its code; nothing is changed then. */
export function deployTo(
  running: readonly RunningFunction[],
  context: FunctionContext,
  before: RawStack,
  assembly: string,
): RawStack {
  const raw = loadStack(assembly, before.stackName);
  assertSame(before, raw);
  const template = resolveTemplate(raw, context.endpoint);
  const settings = functionSettings({ ...context, template, assetOf: raw.assetOf });
  for (const { target } of running) {
    const release = settings.get(target.settings.logicalId);
    if (release !== undefined) target.deploy(release);
  }
  return raw;
}

function assertSame(before: RawStack, after: RawStack): void {
  for (const id of new Set([...Object.keys(before.resources), ...Object.keys(after.resources)])) {
    if (isDeepStrictEqual(fixed(before.resources[id]), fixed(after.resources[id]))) continue;
    throw new Error(`${id} is not the same; only code, variables and limits of functions are deployed here`);
  }
}

/** What may not change. */
function fixed(resource: RawResource | undefined): unknown {
  if (resource?.Type !== 'AWS::Lambda::Function') return [resource?.Type, resource?.Properties];
  const {
    Code: _code,
    Environment: _variables,
    Timeout: _time,
    MemorySize: _memory,
    ...rest
  } = resource.Properties ?? {};
  return rest;
}
