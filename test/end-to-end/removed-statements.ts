/**
 * Takes single statements out of the template and runs it: the whole run must fail, with a call refused. Statements are
 * drawn by a seed among those that the whole run uses (all that `explained-statements.ts` does not explain).
 *
 *   npm run removed-statements -- --draws 10 --seed 1 --json
 *
 * Ends with 1 when a run did without its statement.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { synthesize } from '../../infra/synthesize.ts';
import { createAuthorizer } from '../../local/iam/authorizer.ts';
import type { Denial } from '../../local/iam/usage.ts';
import { loadStack } from '../../local/template/assembly.ts';
import { resolveTemplate } from '../../local/template/template.ts';
import { readPermissions } from '../../local/wiring/permissions.ts';
import { drawCanaries } from './canaries.ts';
import { EXPLAINED } from './explained-statements.ts';
import { lineOf, namedGrants } from './grants.ts';
import { type Outside, type SmallWorld, smallStage, startOutside, startSmallWorld } from './small-world.ts';
import { withoutStatement } from './template-statements.ts';
import { wholeRun } from './whole-run.ts';

export type Draw = {
  readonly statement: string;
  readonly allows: readonly string[];
  /** Where the lack showed: when the stack started, as AWS would refuse to make a source or a function; or in the run. */
  readonly noticed: 'at the start' | 'in the run' | 'never' | 'not by a refusal';
  readonly refused: Denial | string | null;
  readonly seconds: number;
};

/** A run that failed for any other reason proves nothing. */
export const isNoticed = ({ noticed }: Draw): boolean =>
  noticed === 'at the start' || noticed === 'in the run';

/** Draws that many statements and runs the template without each. */
export async function removeStatements(
  draws: number,
  seed: number,
  progress: (draw: Draw) => void = () => undefined,
  /** Draws only among statements whose place in the template begins so. */
  among = '',
): Promise<readonly Draw[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-removed-'));
  const outside = await startOutside(drawCanaries(seed), folder);
  const done: Draw[] = [];
  try {
    for (const [id, allows] of drawn(usedStatements(outside, folder), draws, seed, among)) {
      const draw = await runWithout(outside, path.join(folder, String(done.length)), id, allows);
      done.push(draw);
      progress(draw);
    }
  } finally {
    await outside.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return done;
}

/** Statements of which the whole run uses at least one grant, with all that they allow. */
function usedStatements(outside: Outside, folder: string): ReadonlyMap<string, readonly string[]> {
  const assembly = path.join(folder, 'as-it-is');
  mkdirSync(assembly);
  const settings = smallStage(outside, 'unload');
  const { stackName } = synthesize({ name: 'local', settings }, assembly);
  const template = resolveTemplate(loadStack(assembly, stackName), 'http://127.0.0.1:1');
  const accounts = (settings.accounts ?? []).map(({ name }) => name);
  const others = accounts.filter((name) => name !== 'crm');
  const used = new Map<string, readonly string[]>();
  for (const grant of createAuthorizer(readPermissions(template)).usage().grants) {
    const [named] = namedGrants([grant], []);
    const [shared] = namedGrants([grant], others);
    // What one account's run uses, another's need not; `crm` uses it all.
    if (named === undefined || shared === undefined || lineOf(named) !== lineOf(shared)) continue;
    if (
      EXPLAINED.some(({ grants }) => namedGrants([grant], accounts).some((one) => grants.test(lineOf(one))))
    )
      continue;
    used.set(grant.statement, [...(used.get(grant.statement) ?? []), lineOf(named)]);
  }
  return used;
}

function drawn<T>(
  from: ReadonlyMap<string, T>,
  draws: number,
  seed: number,
  among: string,
): readonly (readonly [string, T])[] {
  const rank = (id: string): string => createHash('sha256').update(`${seed} ${id}`).digest('hex');
  const ids = [...from].filter(([id]) => id.startsWith(among));
  return ids.toSorted(([a], [b]) => (rank(a) < rank(b) ? -1 : 1)).slice(0, draws);
}

async function runWithout(
  outside: Outside,
  dataDir: string,
  statement: string,
  allows: readonly string[],
): Promise<Draw> {
  const startedAt = Date.now();
  const draw = (noticed: Draw['noticed'], refused: Draw['refused']): Draw => {
    return { statement, allows, noticed, refused, seconds: Math.round((Date.now() - startedAt) / 1000) };
  };
  await outside.reset();
  let world: SmallWorld;
  try {
    const stage = smallStage(outside, 'unload');
    const edit = (template: string): string => withoutStatement(template, statement);
    world = await startSmallWorld({ outside, dataDir, stage, speed: 60, edit });
  } catch (error) {
    return draw('at the start', messageOf(error));
  }
  const over = new AbortController();
  const run = wholeRun(world).finally(() => over.abort());
  run.catch(() => undefined);
  const denial = await firstDenial(world, over.signal);
  await world.stop();
  if (denial !== undefined) return draw('in the run', denial);
  const failure = await run.then(() => undefined, messageOf);
  return failure === undefined ? draw('never', null) : draw('not by a refusal', failure);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The first refused call, or undefined when the run is over without one. */
async function firstDenial({ stack }: SmallWorld, over: AbortSignal): Promise<Denial | undefined> {
  for (;;) {
    const [denial] = stack.stats().permissions.denials;
    if (denial !== undefined || over.aborted) return denial;
    await sleep(LOOK_MS);
  }
}
const LOOK_MS = 100;

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      draws: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const tell = (draw: Draw): void => {
    if (!values.json) console.log(`${draw.noticed}, ${draw.seconds} s: ${draw.allows.join('; ')}`);
  };
  const draws = await removeStatements(Number(values.draws), Number(values.seed), tell);
  const survived = draws.filter((draw) => !isNoticed(draw)).length;
  if (values.json) console.log(JSON.stringify({ seed: Number(values.seed), survived, draws }));
  process.exit(survived === 0 ? 0 : 1);
}
