/**
 * Is a definition's SQL one SELECT, and are its checks expressions? A guard of tokens: strict, without a parser,
 * small enough for every Lambda. What it cannot judge (whether a table exists) Redshift says when it describes the
 * model. The real guard is the grant: the engine's database user may read models and write its own schema only.
 */
import type { DefinitionFault } from '../core/fault.ts';
import type { Sync } from '../core/sync.ts';
import { type Token, tokensOf } from './sql-tokens.ts';

/**
 * Everything that is wrong with the SQL of a definition, empty when nothing is: the model must be one SELECT or
 * WITH that only reads; each check one boolean expression over the model's columns.
 */
export function modelFaults(sync: Sync): readonly DefinitionFault[] {
  const model = selectFault(sync.model.sql, 'model.sql');
  const checks = sync.checks.map((check, index) => expressionFault(check.sql, `checks[${index}].sql`));
  return [model, ...checks].filter((fault) => fault !== undefined);
}

type Rule = (tokens: readonly Token[]) => Omit<DefinitionFault, 'path'> | undefined;

function selectFault(sql: string, path: string): DefinitionFault | undefined {
  return firstFault(sql, path, [
    withoutEnd(beginsWithSelect),
    withoutEnd(oneStatement),
    withoutEnd(balanced),
    onlyReads,
    harmlessFunctions,
    noParameters,
    noReservedNames,
  ]);
}

function expressionFault(sql: string, path: string): DefinitionFault | undefined {
  return firstFault(sql, path, [
    oneStatement,
    balanced,
    oneExpression,
    onlyReads,
    harmlessFunctions,
    noParameters,
    noReservedNames,
  ]);
}

function firstFault(sql: string, path: string, rules: readonly Rule[]): DefinitionFault | undefined {
  const read = tokensOf(sql);
  if (!read.ok) {
    return {
      path,
      code: read.code,
      message: read.message,
      remedy: 'Write plain SQL that reads one way only.',
    };
  }
  for (const rule of rules) {
    const fault = rule(read.tokens);
    if (fault !== undefined) return { path, ...fault };
  }
  return undefined;
}

const isSymbol = (token: Token | undefined, text: string): boolean =>
  token?.is === 'symbol' && token.text === text;
const isWord = (token: Token | undefined, words: ReadonlySet<string>): boolean =>
  token?.is === 'word' && words.has(token.text);
const setOf = (words: string): ReadonlySet<string> => new Set(words.split(' '));

/** Semicolons at the very end are harmless. */
const withoutEnd =
  (rule: Rule): Rule =>
  (tokens) =>
    rule(tokens.slice(0, tokens.findLastIndex((token) => !isSymbol(token, ';')) + 1));

const SELECT_WORDS = setOf('select with');

const beginsWithSelect: Rule = (tokens) => {
  const first = tokens.find((token) => !isSymbol(token, '('));
  if (isWord(first, SELECT_WORDS)) return undefined;
  return {
    code: 'not_a_select',
    message: first === undefined ? 'the SQL is empty' : 'the SQL does not begin with SELECT or WITH',
    remedy: 'A model is one SELECT that gives the primary key and the columns that fields use.',
  };
};

const oneStatement: Rule = (tokens) => {
  if (!tokens.some((token) => isSymbol(token, ';'))) return undefined;
  return {
    code: 'more_than_one_statement',
    message: 'a semicolon stands within the SQL',
    remedy: 'Write one statement; what must happen before it belongs into a view or a pipeline.',
  };
};

const balanced: Rule = (tokens) => {
  const open: string[] = [];
  const wrong = tokens.some((token) => {
    if (token.is !== 'symbol') return false;
    if (token.text === '(' || token.text === '[') open.push(token.text);
    if (token.text === ')') return open.pop() !== '(';
    if (token.text === ']') return open.pop() !== '[';
    return false;
  });
  if (!wrong && open.length === 0) return undefined;
  return {
    code: 'unbalanced_parentheses',
    message: 'parentheses or brackets do not match',
    remedy: 'Close each one that is opened, in order.',
  };
};

/** Words that act where a statement may begin; elsewhere they may be names of columns (`close`, `comment`, `load`). */
const ACTS = setOf(
  'abort alter analyze analyse attach begin call cancel checkpoint close cluster comment commit copy create deallocate declare delete detach discard do drop execute explain export fetch grant import insert install listen load lock merge move notify pragma prepare reassign refresh reindex release rename replace reset restore revoke rollback savepoint security set show start truncate unload unlisten update upsert use vacuum',
);
const LOCKS = setOf('update share');
const FOR = setOf('for');
const INTO = setOf('into');
const AS = setOf('as');

const onlyReads: Rule = (tokens) => {
  const found = tokens.find((token, index) => {
    const before = tokens[index - 1];
    if (isWord(token, INTO)) return true;
    if (isWord(before, FOR) && isWord(token, LOCKS)) return true;
    return isWord(token, ACTS) && mayBegin(before) && goesOn(tokens[index + 1]);
  });
  if (found === undefined) return undefined;
  return {
    code: 'not_only_reading',
    message: `${found.text.toUpperCase()} does more than read`,
    remedy: `Only SELECT and WITH are run; if it is the name of a column, write it in double quotes.`,
  };
};

/** A statement may begin at the start, in parentheses, and after the list of a WITH. */
const mayBegin = (before: Token | undefined): boolean =>
  before === undefined || isSymbol(before, '(') || isSymbol(before, ')');

/** An acting word is followed by what it acts on; the name of a column by an operator, a clause or a symbol. */
const goesOn = (next: Token | undefined): boolean =>
  next === undefined || next.is === 'quoted' || (next.is === 'word' && !AFTER_NAMES.has(next.text));
const AFTER_NAMES = setOf(
  'is not between in like ilike similar and or where group order having limit union intersect except qualify on join left right inner outer cross full natural asc desc nulls then else end when collate over',
);

/** Functions by which a SELECT acts: on sessions, files, sequences, settings, other servers. */
const ACTING = /^(?:pg_|lo_|dblink|aws_|query_to_|table_to_|cursor_to_|set_config$|nextval$|setval$|sleep$)/;

const harmlessFunctions: Rule = (tokens) => {
  const found = tokens.find((token, index) => isSymbol(tokens[index + 1], '(') && ACTING.test(nameOf(token)));
  if (found === undefined) return undefined;
  return {
    code: 'function_refused',
    message: `${nameOf(found)} is a system function that acts`,
    remedy: 'A model reads tables and views; leave system functions out.',
  };
};

const nameOf = (token: Token): string => {
  if (token.is === 'word') return token.text;
  return token.is === 'quoted' ? token.text.slice(1, -1).toLowerCase() : '';
};

const noParameters: Rule = (tokens) => {
  const found = tokens.find((token) => token.is === 'parameter' || isSymbol(token, '?'));
  if (found === undefined) return undefined;
  return {
    code: 'parameter_refused',
    message: `${found.text} would be a parameter`,
    remedy: 'Write the value; the engine binds its own parameters only.',
  };
};

const noReservedNames: Rule = (tokens) => {
  const found = tokens.find((token) => nameOf(token).startsWith('tailrace_'));
  if (found === undefined) return undefined;
  return {
    code: 'reserved_name',
    message: `${nameOf(found)} begins with tailrace_, as the engine's own temporary tables do`,
    remedy: 'Use another name.',
  };
};

const QUERIES = setOf('select with union intersect except values table');
const COMMA = ',';

const oneExpression: Rule = (tokens) => {
  const refuse = (message: string): ReturnType<Rule> => ({
    code: 'not_an_expression',
    message,
    remedy: 'A check is one true or false expression over the columns of the model, such as: ltv >= 0',
  });
  if (tokens.length === 0) return refuse('the check is empty');
  const query = tokens.find((token) => isWord(token, QUERIES));
  if (query !== undefined) return refuse(`${query.text.toUpperCase()} makes a query of it`);
  let depth = 0;
  for (const token of tokens) {
    if (isSymbol(token, '(') || isSymbol(token, '[')) depth += 1;
    if (isSymbol(token, ')') || isSymbol(token, ']')) depth -= 1;
    if (depth === 0 && (isSymbol(token, COMMA) || isWord(token, AS)))
      return refuse('there is more than one expression');
  }
  return undefined;
};
