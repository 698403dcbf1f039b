/** Signals to processes that this program started, and whether one of them still runs. */
import { readFileSync } from 'node:fs';

/** False for a process that has ended, one that nobody has buried yet included. */
export function isAlive(pid: number): boolean {
  if (!signal(pid, 0)) return false;
  try {
    // Only Linux has it; elsewhere orphans are buried at once.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return true;
  }
}

/** False when there is no such process (a negative number: no such group) any more. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
