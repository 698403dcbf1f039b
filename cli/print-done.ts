/** How the command says that something was done: one line. */
import pc from 'picocolors';

export const printDone = (line: string): void => console.log(`${pc.green('✓')} ${line}`);
