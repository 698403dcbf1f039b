/**
 * A tokenizer for SQL that people write, strict on purpose: what two settings of Redshift would read differently
 * (a backslash before a quote, an unfinished comment) is an error here and not a guess.
 */

export type Token = {
  readonly is: 'word' | 'quoted' | 'text' | 'number' | 'parameter' | 'symbol';
  /** Words in lower case, everything else as written. */
  readonly text: string;
  /** Offset in the source. */
  readonly at: number;
  readonly end: number;
};

export type Tokens =
  | { readonly ok: true; readonly tokens: readonly Token[] }
  | { readonly ok: false; readonly code: string; readonly message: string };

type Rule = { readonly is: Token['is'] | 'space'; readonly pattern: RegExp };

const RULES: readonly Rule[] = [
  { is: 'space', pattern: /\s+|--[^\n\r]*/y },
  { is: 'text', pattern: /'(?:[^']|'')*'/y },
  { is: 'quoted', pattern: /"(?:[^"]|"")+"/y },
  { is: 'number', pattern: /\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?/iy },
  { is: 'word', pattern: /[\p{L}_#][\p{L}\p{N}_$#]*/uy },
  { is: 'symbol', pattern: /::/y },
  { is: 'parameter', pattern: /:[\p{L}_][\p{L}\p{N}_]*/uy },
  { is: 'symbol', pattern: /[-+*/%^=<>!|&~(),.;:[\]?@]/y },
];

/** Cuts SQL into tokens; comments are left out. */
export function tokensOf(sql: string): Tokens {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    if (sql.startsWith('/*', at)) {
      const end = commentEnd(sql, at);
      if (end === undefined)
        return bad('unfinished_comment', 'a comment /* is never closed, or holds another');
      at = end;
      continue;
    }
    const found = match(sql, at);
    if (found === undefined) return bad('unreadable_sql', unreadable(sql, at));
    if (found.is === 'text' && /\\'/.test(found.text)) {
      return bad(
        'ambiguous_quote',
        "a backslash before a quote; write '' for a quote and chr(92) for a backslash",
      );
    }
    if (found.is !== 'space') tokens.push({ ...found, is: found.is, at, end: at + found.text.length });
    at += found.text.length;
  }
  return { ok: true, tokens: tokens.map(lowered) };
}

const lowered = (token: Token): Token =>
  token.is === 'word' ? { ...token, text: token.text.toLowerCase() } : token;

function match(sql: string, at: number): { is: Rule['is']; text: string } | undefined {
  for (const { is, pattern } of RULES) {
    pattern.lastIndex = at;
    const text = pattern.exec(sql)?.[0];
    if (text !== undefined) return { is, text };
  }
  return undefined;
}

/** Comments nest in Redshift and not everywhere, so a comment within a comment is not readable here. */
function commentEnd(sql: string, start: number): number | undefined {
  const end = sql.indexOf('*/', start + 2);
  if (end < 0 || sql.slice(start + 2, end).includes('/*')) return undefined;
  return end + 2;
}

function unreadable(sql: string, at: number): string {
  const character = sql[at] ?? '';
  if (character === "'") return 'a quote is never closed';
  if (character === '"') return 'a double quote is never closed or encloses nothing';
  return `unexpected character U+${character.codePointAt(0)?.toString(16).padStart(4, '0')} at offset ${at}`;
}

const bad = (code: string, message: string): Tokens => ({ ok: false, code, message });

/**
 * A model's SQL as it is wrapped: without the semicolon that may end it (the comment after it goes too). It stands
 * on lines of its own, so a comment at its end swallows nothing of ours.
 */
export function modelText(sql: string): string {
  const read = tokensOf(sql);
  if (!read.ok) return sql;
  const last = read.tokens.findLast((token) => token.text !== ';' || token.is !== 'symbol');
  const ended = read.tokens.at(-1)?.is === 'symbol' && read.tokens.at(-1)?.text === ';';
  return ended ? sql.slice(0, last?.end ?? 0) : sql;
}
