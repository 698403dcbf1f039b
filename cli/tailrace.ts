/**
 * The command: what an operator types. One file per verb; this one only gathers them. The same verbs work against the
 * local stack (`--env local`) and an environment on AWS, because both are reached through the same SDK calls.
 */
import { Command } from 'commander';
import { addApprove } from './approve.ts';
import { addDiscard } from './discard.ts';
import { addDoctor } from './doctor.ts';
import { addPause } from './pause.ts';
import { printError } from './print-error.ts';
import { addPush } from './push.ts';
import { addResume } from './resume.ts';
import { addRun } from './run.ts';
import { addStatus } from './status.ts';

const program = new Command('tailrace')
  .description('Carries what a warehouse has worked out back into the tools where people act on it.')
  .option('-e, --env <name>', 'the environment: local, or the name of one deployed by CDK', 'local')
  .configureHelp({ showGlobalOptions: true })
  .showSuggestionAfterError();

for (const add of [addPush, addRun, addStatus, addApprove, addDiscard, addPause, addResume, addDoctor])
  add(program);

try {
  await program.parseAsync();
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
