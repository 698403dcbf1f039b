/** The simulated account answers as destinations must: a simulator that is kinder or stranger than those proves nothing. */
import type {
  AnyDestination,
  Context,
  Destination,
  WriteRequest,
} from '../../shared/destinations/destination.ts';
import type { Clock } from '../../shared/ports.ts';
import { type AnswerHarness, answersOf } from '../destinations/contract.ts';
import { seededRandom } from '../memory/seeded.ts';
import { virtualClock } from '../memory/virtual-clock.ts';
import { type Account, boundTo, placeOf, type Shape, simulatedAccount } from './destination.ts';
import { NO_FAULTS } from './fault-rates.ts';
import type { Environment } from './process.ts';

const SYNC = 'people';
const HOUR_MS = 3_600_000;
const AT_WORK = {
  process: { ended: 'no', syncId: SYNC, kill: () => false },
  skewMs: 0,
} as unknown as Environment;

for (const kind of ['calls', 'jobs'] as const) {
  answersOf(`the simulated account, by ${kind}`, () => harnessOf({ kind, idempotency: 'idempotent' }));
}

function harnessOf(shape: Shape): AnswerHarness {
  const account = simulatedAccount(shape);
  return {
    bind: () => bound(account),
    target: { object: 'people' },
    matchOn: 'id',
    row: (n, { name = `name ${n}`, amount = '1.50', big = '1', note = null } = {}) => ({
      key: `key-${n}`,
      fields: { id: n, name, amount, big, note },
    }),
    held: async (n) => {
      const { id: _, ...fields } = placeOf(account, SYNC).records.get(`key-${n}`)?.fields ?? {};
      return Object.keys(fields).length === 0 ? undefined : fields;
    },
    poison: { name: 'bad' },
  };
}

/** Its calls take virtual time, and its jobs are polled until they are done. */
function bound(account: Account): ReturnType<AnswerHarness['bind']> {
  const clock = virtualClock();
  const tools = { account, clock, faults: NO_FAULTS, random: seededRandom(1), onLateWork: () => undefined };
  const { destination, context } = boundTo(tools, AT_WORK);
  let turn: Promise<unknown> = Promise.resolve();
  const inTime = async <T>(call: Promise<T>): Promise<T> => {
    let isDone = false;
    const ended = call.finally(() => {
      isDone = true;
    });
    ended.catch(() => undefined);
    turn = turn.then(() => clock.runWhile(clock.now() + HOUR_MS, () => isDone));
    await turn;
    return ended;
  };
  const write: Destination<unknown, unknown>['write'] = (ctx, target, request) =>
    inTime(
      written(clock.sleep, destination, ctx, target, {
        ...request,
        idempotencyKey: `${SYNC}.1.${request.idempotencyKey}`,
      }),
    );
  return { destination: { ...destination, kind: 'calls', write } as AnyDestination, context };
}

async function written(
  sleep: Clock['sleep'],
  destination: AnyDestination,
  ctx: Context<unknown>,
  target: unknown,
  request: WriteRequest,
): ReturnType<Destination<unknown, unknown>['write']> {
  if (destination.kind === 'calls') return destination.write(ctx, target, request);
  const { jobId } = await destination.submit(ctx, target, request);
  for (;;) {
    const polled = await destination.poll(ctx, target, { jobId, request });
    if (polled.done) return polled.outcomes;
    await sleep(polled.waitMs);
  }
}
