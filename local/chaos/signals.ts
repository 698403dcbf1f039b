/**
 * Signals to processes that this program started. A number alone names nobody: by the time of a signal the process may
 * have ended and its number be somebody else's, so a process is known by its command line as well.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Does the process run, and is `mark` part of its command line? False for one that has ended and is not buried yet. */
export function runsWith(pid: number, mark: string): boolean {
  return commandOf(pid).includes(mark);
}

/** False when it does not run any more. */
export function signalTo(pid: number, mark: string, name: NodeJS.Signals): boolean {
  return runsWith(pid, mark) && signal(pid, name);
}

/** To a child that has not been buried, or (a negative number) to the group that it leads. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
