/**
 * What a template sees of a row: each column it reads, typed so that comparisons and arithmetic work, while an
 * exact number still prints its own digits.
 */
import { type ColumnKind, columnNamed, kindOf } from './column-kinds.ts';
import { digitsOf } from './exact-numbers.ts';
import type { Column, StageLine } from './stage.ts';
import { templateVariables } from './template.ts';

/** Makes the function from a stage line to a template's scope. */
export function templateScope(
  text: string,
  staged: readonly string[],
  columns: readonly Column[] | undefined,
): (line: StageLine) => Readonly<Record<string, unknown>> {
  const readers = templateVariables(text).map((name) => {
    const column = columns === undefined ? undefined : columnNamed(columns, name);
    const kind = column === undefined ? 'text' : kindOf(column.type);
    return { name, at: `c${staged.indexOf(name)}` as const, read: readerOf(kind) };
  });
  return (line) => {
    const scope: Record<string, unknown> = Object.create(null);
    for (const { name, at, read } of readers) {
      const value = line[at as `c${number}`];
      scope[name] = typeof value === 'string' ? read(value) : null;
    }
    return scope;
  };
}

/**
 * A number that prints as the warehouse wrote it and compares by size. The methods are the ones that LiquidJS asks
 * a comparable for; they are not own properties, so no template can name them.
 */
class ExactNumber {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  valueOf(): number {
    return Number(this.#text);
  }
  toString(): string {
    return this.#text;
  }
  toJSON(): unknown {
    return this.valueOf();
  }
  equals(other: unknown): boolean {
    return this.valueOf() === Number(other);
  }
  gt(other: unknown): boolean {
    return this.valueOf() > Number(other);
  }
  geq(other: unknown): boolean {
    return this.valueOf() >= Number(other);
  }
  lt(other: unknown): boolean {
    return this.valueOf() < Number(other);
  }
  leq(other: unknown): boolean {
    return this.valueOf() <= Number(other);
  }
}

function readerOf(kind: ColumnKind): (text: string) => unknown {
  if (kind === 'exact' || kind === 'float') return numberOf;
  if (kind === 'boolean') return (text) => text === 'true' || text === 't' || text === '1';
  return kind === 'json' ? jsonOf : (text) => text;
}

function numberOf(text: string): unknown {
  const number = Number(text);
  if (String(number) === text) return number;
  return typeof digitsOf(text) === 'string' ? text : new ExactNumber(text);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text, exactMember as (this: unknown, name: string, value: unknown) => unknown);
  } catch {
    return text;
  }
}

function exactMember(_name: string, value: unknown, context: { readonly source?: string }): unknown {
  return typeof value === 'number' && context.source !== undefined ? numberOf(context.source) : value;
}
