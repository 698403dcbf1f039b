/**
 * `tailrace doctor`: each precondition of an environment, held against the account: what is there, what must be, and
 * the command that mends it. Ends with 0 only when all is well.
 */
import type { Command } from 'commander';
import type { Check } from './doctor-check.ts';
import { environmentName, localStack } from './environment.ts';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Check everything that an environment needs, and say what is missing and how to mend it')
    .option('--json', 'one JSON document instead of lines')
    .action(async ({ json }: { json?: boolean }) => {
      const name = environmentName(program);
      const client = name === 'local' ? await localStack() : {};
      // The settings' schemas and the destinations behind them: no other verb should wait for those.
      const { subjectOf } = await import('./doctor-subject.ts');
      const { examine } = await import('./doctor-examine.ts');
      const checks = await waiting(`asking about ${name} …`, examine(subjectOf(name, client)));
      await print(name, checks, json === true);
      if (checks.some(({ state }) => state !== 'ok')) process.exitCode = 1;
    });
}

async function print(name: string, checks: readonly Check[], json: boolean): Promise<void> {
  const isWell = checks.every(({ state }) => state === 'ok');
  if (json) return console.log(JSON.stringify({ environment: name, ok: isWell, checks }, undefined, 2));
  const { reportText } = await import('./doctor-text.ts');
  console.log(reportText(`Environment ${name}`, checks, process.stdout.columns ?? 100));
}

/** A paused warehouse takes its time: somebody at a terminal sees that something happens. */
async function waiting<T>(line: string, work: Promise<T>): Promise<T> {
  const { stderr } = process;
  if (!stderr.isTTY) return work;
  stderr.write(line);
  try {
    return await work;
  } finally {
    stderr.write(`\r${' '.repeat(line.length)}\r`);
  }
}
