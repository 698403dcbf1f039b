/** The worker thread of one execution environment. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Answer, type Bootstrap, type Invocation, loadFunction } from './handler.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');
const send = (answer: Answer): void => port.postMessage(answer);

const run = await loadFunction(workerData as Bootstrap);
port.on('message', async (invocation: Invocation) => send(await run(invocation)));
send({ is: 'ready' });
