/**
 * The services as a process of their own: the whole local stack on one data directory and one port, with execution
 * environments that are processes. The driver starts it, kills it and starts it again; it tells the driver when it is
 * ready, of each invocation and of each resume point, and runs SQL for it. It ends when the driver does. Settings are the first argument.
 */
import { type LocalStack, startStack } from '../stack.ts';
import { SECRETS, SPEED } from './stage.ts';
import { type PointWritten, pointsIn } from './suspicions.ts';

export type ServicesSettings = {
  readonly assembly: string;
  readonly stackName: string;
  readonly dataDir: string;
  readonly port: number;
};

/** From the services to the driver. */
export type Told =
  | { readonly is: 'ready'; readonly outputs: Readonly<Record<string, string>> }
  | { readonly is: 'invocation'; readonly of: string; readonly pid: number }
  | { readonly is: 'ended'; readonly pid: number }
  | { readonly is: 'point'; readonly point: PointWritten }
  | { readonly is: 'answer'; readonly to: number; readonly value: unknown }
  | { readonly is: 'error'; readonly to: number; readonly message: string };

/** From the driver to the services. */
export type Question =
  | { readonly id: number; readonly sql: string }
  | { readonly id: number; readonly ask: 'pending' };

process.once('disconnect', () => process.exit());
const tell = (told: Told): void => {
  if (process.connected) process.send?.(told, undefined, undefined, () => undefined);
};

const settings = JSON.parse(process.argv[2] ?? '{}') as ServicesSettings;
const stack = await startStack({
  ...settings,
  speed: SPEED,
  secrets: SECRETS,
  environments: 'processes',
  onInvocation: (of, pid = 0, ended) => {
    tell({ is: 'invocation', of, pid });
    void ended.then(() => tell({ is: 'ended', pid }));
  },
  onWrite: (_table, request) => {
    for (const point of pointsIn(request)) tell({ is: 'point', point });
  },
});
process.on('message', (question: Question) => void answer(stack, question));
tell({ is: 'ready', outputs: stack.outputs });

async function answer({ warehouse, pending }: LocalStack, question: Question): Promise<void> {
  const { id: to } = question;
  try {
    tell({ is: 'answer', to, value: 'sql' in question ? await warehouse.sql(question.sql) : pending() });
  } catch (error) {
    tell({ is: 'error', to, message: error instanceof Error ? error.message : String(error) });
  }
}
