/**
 * CloudFormation's intrinsic functions, as far as the template uses them: Ref, GetAtt, Sub, Join, Select, Split, If
 * with conditions, and the pseudo parameters. Anything else is refused by name.
 */

/** What a Ref and the attributes of one resource resolve to. */
export type Identity = { readonly ref: string; readonly attributes: Readonly<Record<string, string>> };

export type Scope = {
  /** Identity of a resource by logical id; undefined when the template has none. */
  identityOf(logicalId: string): Identity | undefined;
  /** `AWS::Region` and the other pseudo parameters, and the template's own parameters. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly conditions: Readonly<Record<string, unknown>>;
};

const NO_VALUE = Symbol('AWS::NoValue');

/** The value with every intrinsic function replaced; throws an Error naming what cannot be resolved. */
export function resolve(value: unknown, scope: Scope): unknown {
  const resolved = resolveValue(value, scope);
  return resolved === NO_VALUE ? undefined : resolved;
}

function resolveValue(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value))
    return value.map((one) => resolveValue(one, scope)).filter((one) => one !== NO_VALUE);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [name, operand] = entries[0] ?? [];
  if (entries.length === 1 && name !== undefined && isIntrinsic(name)) return call(name, operand, scope);
  return Object.fromEntries(
    entries.map(([key, one]) => [key, resolveValue(one, scope)]).filter(([, one]) => one !== NO_VALUE),
  );
}

/** `Condition` is one too, but only inside conditions: everywhere else it is a property's name. */
const isIntrinsic = (name: string): boolean => name === 'Ref' || name.startsWith('Fn::');

function call(name: string, operand: unknown, scope: Scope): unknown {
  const run = FUNCTIONS[name];
  if (run === undefined) throw new Error(`${name} is not implemented here`);
  return run(operand, scope);
}

type Intrinsic = (operand: unknown, scope: Scope) => unknown;
const FUNCTIONS: Readonly<Record<string, Intrinsic>> = {
  Ref: (operand, scope) => reference(String(operand), scope),
  'Fn::GetAtt': (operand, scope) => {
    const [logicalId = '', ...attribute] = Array.isArray(operand)
      ? operand.map(String)
      : String(operand).split('.');
    return attributeOf(logicalId, attribute.join('.'), scope);
  },
  'Fn::Sub': (operand, scope) => {
    const [text, values] = Array.isArray(operand)
      ? (operand as [string, Record<string, unknown>])
      : [String(operand), {}];
    return text.replaceAll(/\$\{(!?)([^}]+)\}/g, (_whole, literal: string, name: string) => {
      if (literal !== '') return `\${${name}}`;
      if (name in values) return String(resolveValue(values[name], scope));
      const [logicalId = '', ...attribute] = name.split('.');
      return String(
        attribute.length > 0 ? attributeOf(logicalId, attribute.join('.'), scope) : reference(name, scope),
      );
    });
  },
  'Fn::Join': (operand, scope) => {
    const [separator, parts] = operand as [string, unknown];
    return (resolveValue(parts, scope) as unknown[]).map(String).join(separator);
  },
  'Fn::Select': (operand, scope) => {
    const [index, list] = operand as [number | string, unknown];
    const selected = (resolveValue(list, scope) as unknown[])[Number(index)];
    if (selected === undefined) throw new Error(`Fn::Select ${String(index)} is outside its list`);
    return selected;
  },
  'Fn::Split': (operand, scope) => {
    const [separator, text] = operand as [string, unknown];
    return String(resolveValue(text, scope)).split(separator);
  },
  'Fn::If': (operand, scope) => {
    const [condition, yes, no] = operand as [string, unknown, unknown];
    return resolveValue(holds({ Condition: condition }, scope) ? yes : no, scope);
  },
};

function reference(name: string, scope: Scope): unknown {
  if (name === 'AWS::NoValue') return NO_VALUE;
  const value = scope.parameters[name] ?? scope.identityOf(name)?.ref;
  if (value === undefined) throw new Error(`Ref ${name} names nothing`);
  return value;
}

function attributeOf(logicalId: string, attribute: string, scope: Scope): string {
  const value = scope.identityOf(logicalId)?.attributes[attribute];
  if (value === undefined) throw new Error(`${logicalId}.${attribute} is not implemented here`);
  return value;
}

/** A condition of the template, or an expression inside one. */
function holds(expression: unknown, scope: Scope): boolean {
  const [[name = '', operand] = []] = Object.entries(expression as Record<string, unknown>);
  const operands = (): unknown[] => operand as unknown[];
  if (name === 'Condition') {
    const condition = scope.conditions[String(operand)];
    if (condition === undefined) throw new Error(`there is no condition ${String(operand)}`);
    return holds(condition, scope);
  }
  if (name === 'Fn::Equals') return resolveValue(operands()[0], scope) === resolveValue(operands()[1], scope);
  if (name === 'Fn::Not') return !holds(operands()[0], scope);
  if (name === 'Fn::And') return operands().every((one) => holds(one, scope));
  if (name === 'Fn::Or') return operands().some((one) => holds(one, scope));
  throw new Error(`${name} is not implemented here`);
}
