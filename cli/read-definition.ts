/**
 * Reads a sync definition from a file: JSON or YAML, told apart by the file's name. Whatever a parser would change in
 * silence is refused or kept as it was written: names that occur twice, tags that nobody knows, digits beyond 2^53.
 */
import { readFile } from 'node:fs/promises';
import { type Document, parseDocument, visit } from 'yaml';
import { Fault } from '../shared/core/fault.ts';

/** What the file holds, untrusted. Throws a `config` Fault for a file that cannot be read as JSON or YAML. */
export async function readDefinition(file: string): Promise<unknown> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Fault('config', 'file_unreadable', `${file} cannot be read (${error.code})`, {
      remedy: 'Give the path of a .yaml, .yml or .json file.',
    });
  });
  const text = textOf(file, bytes);
  if (file.endsWith('.json')) checkJson(file, text);
  return resolved(file, documentOf(file, text));
}

/** Without the mark that some editors put at the beginning. */
function textOf(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unparsable(file, 'the file is not UTF-8', 'Save it in UTF-8.');
  }
}

/** JSON's own parser knows its errors best; but it keeps the last of two equal names and says nothing. */
function checkJson(file: string, text: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    throw unparsable(file, error instanceof Error ? error.message : 'unknown error');
  }
}

/** JSON is YAML: one reader for both. */
function documentOf(file: string, text: string): Document {
  const document = parseDocument(text, { prettyErrors: true, stringKeys: true, intAsBigInt: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem === undefined) return document;
  if (problem.code === 'MULTIPLE_DOCS') {
    throw unparsable(file, 'the file holds more than one document', 'Write one definition a file.');
  }
  if (problem.code === 'RESOURCE_EXHAUSTION') throw unparsable(file, TOO_DEEP, FLATTEN);
  throw unparsable(file, problem.message.trimEnd());
}

/** Aliases are resolved here, and may name nothing or unfold into far more than was written. */
function resolved(file: string, document: Document): unknown {
  visit(document, {
    Scalar(_key, node) {
      node.value = numberOf(node.value);
    },
  });
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown error';
    if (/^Excessive alias/.test(why)) throw unparsable(file, 'its aliases unfold into too much', FLATTEN);
    throw unparsable(file, why);
  }
}

/** An integer that a number cannot hold stays as it is, so that the check sees it. */
function numberOf(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const ALIASES_MAX = 100;
const TOO_DEEP = 'the file nests deeper than it can be read';
const FLATTEN = 'Flatten it; nothing in a definition needs that.';

const unparsable = (file: string, why: string, remedy = 'Mend the file at that place.'): Fault =>
  new Fault('config', 'file_unparsable', `${file}: ${why}`, { remedy });
