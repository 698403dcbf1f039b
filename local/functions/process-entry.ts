/**
 * The process of one execution environment. When the services die, it is what a Lambda environment would be whose
 * Region is in trouble: the invocation that it has goes on, may reach its destination and finds the services gone or
 * new; nobody hears its answer and no further one comes. So an idle process ends at once, a busy one with its invocation,
 * and by its time limit at the latest, which it keeps by itself too: a stopped or dead parent cannot.
 */
import { type Answer, type Bootstrap, type Invocation, loadFunction } from './handler.ts';

/** The parent's own timer comes first and says more; this one is for when there is no parent to speak of. */
const PARENT_FIRST_MS = 250;

// Who read the log may be dead; what is written then goes nowhere.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

let busy = false;
const send = (answer: Answer): void => {
  if (process.connected) process.send?.(answer, undefined, undefined, () => undefined);
};

process.once('disconnect', () => {
  if (!busy) process.exit();
});
const run = await loadFunction(JSON.parse(process.argv[2] ?? '{}') as Bootstrap);
process.on('message', async (invocation: Invocation) => {
  busy = true;
  const limitMs = invocation.deadlineAt - Date.now() + PARENT_FIRST_MS;
  const limit = setTimeout(() => process.kill(process.pid, 'SIGKILL'), limitMs);
  const answer = await run(invocation);
  clearTimeout(limit);
  busy = false;
  send(answer);
  if (!process.connected) process.exit();
});
send({ is: 'ready' });
