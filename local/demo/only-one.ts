/**
 * One stack for each folder: whoever starts leaves its process id there. A start that finds one at work stops before it
 * has touched anything; one that was killed is taken over from.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const FILE = 'process-id';

/** Takes the folder, making it when missing; gives the means to leave it. Throws when a stack runs in it. */
export function takeFolder(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true });
  const file = path.join(dataDir, FILE);
  const other = ownerOf(file);
  if (other !== undefined) throw new Error(refusal(path.relative('.', dataDir), other));
  rmSync(file, { force: true });
  // Two at once: the second finds the file there.
  writeFileSync(file, `${process.pid}\n`, { flag: 'wx' });
  return () => rmSync(file, { force: true });
}

function refusal(folder: string, owner: number): string {
  return `The stack already runs in ${folder}, as process ${owner}: use that one, or end it (Ctrl-C there, or \`kill ${owner}\`) and start again; if process ${owner} is something else, delete ${path.join(folder, FILE)}.`;
}

/** The process that has the folder, if it is alive. */
function ownerOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(pid) && pid > 0 && pid !== process.pid && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process is one that we may not signal.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
