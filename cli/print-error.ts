/** How the command says what went wrong: what, and what to do about it; never a stack for something expected. */
import pc from 'picocolors';
import { type DefinitionFault, Fault } from '../shared/core/fault.ts';

/** Writes an error to stderr. A Fault is told in its own words; anything else with its name, for a report. */
export function printError(error: unknown): void {
  if (error instanceof Fault) {
    const where = error.path === undefined ? '' : ` at ${error.path}`;
    console.error(`${pc.red('✗')} ${error.message}${where} ${pc.dim(`(${error.code})`)}`);
    if (error.remedy !== undefined) console.error(`  ${error.remedy}`);
    return;
  }
  if ((error as { code?: unknown } | null)?.code === 'ECONNREFUSED') {
    printError(GONE);
    return;
  }
  console.error(
    `${pc.red('✗')} ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
  );
}

/** What the local stack leaves behind says where it was; a killed one cannot say that it has gone. */
const GONE = new Fault(
  'config',
  'local_stack_not_running',
  'nothing answers where the environment should be',
  {
    remedy: 'Start the local stack with `npm start -- --keep` in another terminal.',
  },
);

/** Faults of one file that are told, of four lines each: no more than a screen. */
const FAULTS_TOLD_MAX = 10;

/** The faults of a definition: path, what is wrong, how to mend it. */
export function printFaults(file: string, faults: readonly DefinitionFault[]): void {
  console.error(
    `${pc.red('✗')} ${file} is refused: ${faults.length} ${faults.length === 1 ? 'thing is' : 'things are'} wrong`,
  );
  for (const { path, code, message, remedy } of faults.slice(0, FAULTS_TOLD_MAX)) {
    console.error(`\n  ${pc.bold(path === '' ? '(the whole definition)' : path)} ${pc.dim(code)}`);
    console.error(`    ${message}`);
    console.error(`    ${pc.green('→')} ${remedy}`);
  }
  const more = faults.length - FAULTS_TOLD_MAX;
  if (more > 0) console.error(`\n  … and ${more} more; mend these first`);
}
