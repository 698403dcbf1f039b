/**
 * Redshift's SQL as DuckDB takes it. Most of it DuckDB reads as it is, once a few functions are renamed to macros
 * of our own; what it cannot read is transpiled by polyglot, which takes longer.
 */
import { transpile } from '@polyglot-sql/sdk';
import { type Token, tokensOf } from '../../shared/warehouse/sql-tokens.ts';
import { invalid } from './data-api-error.ts';

/** Functions that need a macro of `macros.ts`, because DuckDB or polyglot would change their meaning. */
const OWN_MACROS: ReadonlySet<string> = new Set(
  'to_char to_date getdate json_parse json_size current_setting'.split(' '),
);
const PREFIX = 'redshift_';

export type Translated = {
  /** Nearly as written. */
  readonly sql: string;
  /** Transpiled, for when DuckDB does not read `sql`; undefined when polyglot cannot either. */
  transpiled(): string | undefined;
  /** Names of the parameters that it uses. */
  readonly parameters: ReadonlySet<string>;
};

/** One statement, translated; throws the Data API's ValidationException for text that cannot be cut into tokens. */
export function translate(sql: string): Translated {
  const tokens = readTokens(sql);
  const zone = sessionZone(tokens);
  if (zone !== undefined) {
    return { sql: `set TimeZone = ${zone}`, parameters: new Set(), transpiled: () => undefined };
  }
  const text = withoutTableAttributes(renamed(sql, tokens), tokens);
  return { ...bound(text), transpiled: () => transpiled(text) };
}

function transpiled(text: string): string | undefined {
  const moved = transpile(text, 'redshift' as never, 'duckdb' as never);
  const [sql, ...more] = moved.success ? (moved.sql ?? []) : [];
  return sql === undefined || more.length > 0 ? undefined : bound(sql).sql;
}

function readTokens(sql: string): readonly Token[] {
  const read = tokensOf(sql);
  if (!read.ok) throw invalid(`syntax error: ${read.message}`);
  return read.tokens;
}

/** `set timezone to 'UTC'`, which polyglot takes for a variable of the user's. */
function sessionZone(tokens: readonly Token[]): string | undefined {
  const [set, zone] = tokens;
  return set?.text === 'set' && zone?.text === 'timezone' ? tokens.at(-1)?.text : undefined;
}

function renamed(sql: string, tokens: readonly Token[]): string {
  let out = '';
  let at = 0;
  const replace = (from: number, to: number, text: string): void => {
    out += sql.slice(at, from) + text;
    at = to;
  };
  tokens.forEach((token, index) => {
    const [open, part, comma] = tokens.slice(index + 1, index + 4);
    if (token.is !== 'word') return;
    if (token.text === 'sysdate') replace(token.at, token.end, `${PREFIX}getdate()`);
    if (open?.text !== '(') return;
    if (OWN_MACROS.has(token.text)) replace(token.at, token.end, PREFIX + token.text);
    // `dateadd(second, -60, at)`: polyglot's interval has no sign, so each unit is a macro.
    if (token.text === 'dateadd' && comma?.text === ',') {
      const unit = part?.text.replaceAll("'", '').replace(/s$/, '');
      replace(token.at, comma.end, `${PREFIX}add_${unit}(`);
    }
  });
  return out + sql.slice(at);
}

/** DISTKEY, SORTKEY and the like say where Redshift puts rows; DuckDB has no such places. */
function withoutTableAttributes(sql: string, tokens: readonly Token[]): string {
  if (tokens[0]?.text !== 'create') return sql;
  return sql.replace(
    /\b(?:diststyle\s+\w+|distkey\s*\([^)]*\)|(?:compound\s+|interleaved\s+)?sortkey\s*\([^)]*\)|encode\s+\w+)/gi,
    '',
  );
}

/** `:name` becomes DuckDB's `$name`. */
function bound(sql: string): Pick<Translated, 'sql' | 'parameters'> {
  const parameters = new Set<string>();
  let out = '';
  let at = 0;
  for (const token of readTokens(sql)) {
    if (token.is !== 'parameter') continue;
    parameters.add(token.text.slice(1));
    out += `${sql.slice(at, token.at)}$${token.text.slice(1)}`;
    at = token.end;
  }
  return { sql: out + sql.slice(at), parameters };
}
