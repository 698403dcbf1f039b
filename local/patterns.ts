/**
 * Event patterns, as rules of the event bus and filters of event sources use them. A pattern is compiled once; an
 * operator that is not here is refused then, because an ignored one would let the wrong events through.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */

export type Matcher = (event: unknown) => boolean;

/** Throws an Error naming `where` for an operator that is not implemented here. */
export function compilePattern(pattern: unknown, where: string): Matcher {
  if (!isObject(pattern)) throw new Error(`${where}: a pattern is an object`);
  const members = Object.entries(pattern).map(([name, wanted]) => member(name, wanted, where));
  return (event) => members.every((matches) => matches(event));
}

function member(name: string, wanted: unknown, where: string): Matcher {
  if (name === '$or') {
    const choices = (wanted as unknown[]).map((choice) => compilePattern(choice, where));
    return (event) => choices.some((matches) => matches(event));
  }
  if (!Array.isArray(wanted)) {
    const inner = compilePattern(wanted, where);
    return (event) => inner(isObject(event) ? event[name] : undefined);
  }
  const tests = wanted.map((one) => valueTest(one, where));
  return (event) => {
    const value = isObject(event) ? event[name] : undefined;
    const values: unknown[] = Array.isArray(value) ? value : [value];
    return tests.some((test) => values.some(test));
  };
}

type ValueTest = (value: unknown) => boolean;

function valueTest(wanted: unknown, where: string): ValueTest {
  if (!isObject(wanted)) return (value) => value === wanted;
  const [[operator = '', operand] = [], ...more] = Object.entries(wanted);
  const test = more.length === 0 ? OPERATORS[operator]?.(operand) : undefined;
  if (test === undefined)
    throw new Error(`${where}: pattern ${JSON.stringify(wanted)} is not implemented here`);
  return test;
}

const OPERATORS: Readonly<Record<string, (operand: unknown) => ValueTest | undefined>> = {
  exists: (operand) => (value) => (value !== undefined) === operand,
  prefix: (operand) => (isText(operand) ? (value) => isText(value) && value.startsWith(operand) : undefined),
  suffix: (operand) => (isText(operand) ? (value) => isText(value) && value.endsWith(operand) : undefined),
  'equals-ignore-case': (operand) =>
    isText(operand) ? (value) => isText(value) && value.toLowerCase() === operand.toLowerCase() : undefined,
  'anything-but': anythingBut,
};

function anythingBut(operand: unknown): ValueTest | undefined {
  if (isObject(operand)) {
    const { prefix, ...more } = operand;
    if (!isText(prefix) || Object.keys(more).length > 0) return undefined;
    return (value) => value !== undefined && !(isText(value) && value.startsWith(prefix));
  }
  const unwanted: unknown[] = Array.isArray(operand) ? operand : [operand];
  return (value) => value !== undefined && !unwanted.includes(value);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
