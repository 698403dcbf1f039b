/**
 * A second opinion on a model: a real parser, in the Redshift dialect. It is 22 MB of WebAssembly, too much for a
 * Lambda bundle, so it is loaded only where it is asked for: the command line and the tests. See
 * `docs/decisions/0020-model-sql-is-guarded-by-tokens.md`.
 */
import type { DefinitionFault } from '../core/fault.ts';
import type { Sync } from '../core/sync.ts';
import { modelText } from './sql-tokens.ts';

/** What the parser finds wrong with the model and its checks; empty when nothing is. */
export async function parseModel(sync: Sync): Promise<readonly DefinitionFault[]> {
  const { parse } = await import('@polyglot-sql/sdk');
  const model = modelText(sync.model.sql);
  const texts = [
    { path: 'model.sql', sql: model },
    ...sync.checks.map((check, index) => ({
      path: `checks[${index}].sql`,
      sql: `select * from (\n${model}\n) as model where not (\n${check.sql}\n)`,
    })),
  ];
  return texts.flatMap(({ path, sql }) => judge(path, parse(sql, 'redshift' as Dialect)));
}

type Dialect = Parameters<typeof import('@polyglot-sql/sdk').parse>[1];
type Parsed = ReturnType<typeof import('@polyglot-sql/sdk').parse>;

const STATEMENTS =
  /^(?:insert|update|delete|merge|command|create|drop|alter|copy|truncate|call|set|into|execute)/;

function judge(path: string, parsed: Parsed): DefinitionFault[] {
  if (!parsed.success) {
    return [fault(path, 'sql_not_parsed', `Redshift's dialect has no such SQL: ${String(parsed.error)}`)];
  }
  const statements = (parsed as { ast?: unknown }).ast;
  if (!Array.isArray(statements) || statements.length !== 1) {
    return [fault(path, 'more_than_one_statement', 'the SQL is not one statement')];
  }
  const acting = actingNode(statements[0], 0);
  return acting === undefined ? [] : [fault(path, 'not_only_reading', `the SQL holds a ${acting}`)];
}

const fault = (path: string, code: string, message: string): DefinitionFault => {
  return { path, code, message, remedy: 'A model is one SELECT or WITH that only reads.' };
};

const DEPTH_MAX = 400;

/** The first node that does more than read: nodes are objects with their kind as the only name. */
function actingNode(node: unknown, depth: number): string | undefined {
  if (typeof node !== 'object' || node === null || depth > DEPTH_MAX) return undefined;
  for (const [name, child] of Object.entries(node)) {
    if (child !== null && typeof child === 'object' && !Array.isArray(child) && STATEMENTS.test(name))
      return name;
    const found = actingNode(child, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
