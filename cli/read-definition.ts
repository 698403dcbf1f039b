/** Reads a sync definition from a file: JSON or YAML, told apart by the file's name. */
import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { Fault } from '../shared/core/fault.ts';

/** What the file holds, untrusted. Throws a `config` Fault for a file that cannot be read as JSON or YAML. */
export async function readDefinition(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Fault('config', 'file_unreadable', `${file} cannot be read (${error.code})`, {
      remedy: 'Give the path of a .yaml, .yml or .json file.',
    });
  });
  return file.endsWith('.json') ? readJson(file, text) : readYaml(file, text);
}

function readJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unparsable(file, error instanceof Error ? error.message : 'unknown error');
  }
}

function readYaml(file: string, text: string): unknown {
  const document = parseDocument(text, { prettyErrors: true, stringKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw unparsable(file, problem.message);
  return document.toJS({ maxAliasCount: 100 }) as unknown;
}

const unparsable = (file: string, why: string): Fault =>
  new Fault('config', 'file_unparsable', `${file}: ${why}`, { remedy: 'Mend the file at that place.' });
