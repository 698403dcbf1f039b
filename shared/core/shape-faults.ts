/**
 * What a schema found wrong, in words for the author: the value, the rule, and what to write instead. Zod's own
 * messages name neither the value nor the remedy, and its unions tell about every branch at once.
 */
import type { z } from 'zod';
import { type DefinitionCode, definitionFault, pathText, shown } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { knownNames, SHAPES, UNION_CHOICES } from './known-shapes.ts';
import { nearestName } from './nearest-name.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Takes the issues of `syncSchema` and the input that they are about; gives at least one fault per issue. */
export function shapeFaults(issues: readonly Issue[], input: unknown): DefinitionFault[] {
  return issues.flatMap((issue) => issueFaults(issue, input, issue.path));
}

function issueFaults(issue: Issue, input: unknown, path: Path): DefinitionFault[] {
  const value = valueAt(input, path);
  const known = SHAPES[patternOf(path)];
  if (value !== undefined && known !== undefined && (issue.code !== 'invalid_type' || known.anyType)) {
    const { code, rule, remedy } = known.tell(value);
    return [definitionFault(pathText(path), code, `${nameOf(path)} is ${shown(value)}, ${rule}`, remedy)];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownNames(issue.keys, path, value);
    case 'invalid_union':
      return unionFaults(issue, input, path);
    case 'too_small':
    case 'too_big':
      return [sizeFault(issue, path, value)];
    case 'invalid_value':
      return [choiceFault(issue.values, path, value)];
    case 'invalid_type':
      return [typeFault(issue.expected, path, value)];
    default:
      return [typeFault('another value', path, value)];
  }
}

/** At a union that one name decides, a name of another branch is told by `kindFaults`. */
function unknownNames(keys: readonly string[], path: Path, value: unknown): DefinitionFault[] {
  const choice = UNION_CHOICES[patternOf(path)];
  if (choice === undefined || !isMap(value)) return keys.map((key) => unknownName(path, key));
  const names = knownNames(patternOf(path));
  const unknown = keys.filter((key) => !names.includes(key)).map((key) => unknownName(path, key));
  return [...unknown, ...kindFaults(choice, path, value)];
}

function unknownName(path: Path, key: string): DefinitionFault {
  const names = knownNames(patternOf(path));
  const near = nearestName(key, names);
  const where = path.length === 0 ? 'a definition' : nameOf(path);
  if (names.includes(key)) {
    const message = `${shown(key)} does not go with this kind of ${where}`;
    return definitionFault(
      pathText([...path, key]),
      'field_unknown',
      message,
      'take it out, or choose another kind',
    );
  }
  const remedy =
    near === undefined
      ? `take it out; ${where} has ${names.join(', ')}`
      : `write "${near}" if that was meant, else take it out`;
  const message = `${shown(key)} is no field of ${where}`;
  return definitionFault(pathText([...path, key]), 'field_unknown', message, remedy);
}

function typeFault(expected: string, path: Path, value: unknown): DefinitionFault {
  const at = pathText(path);
  const wanted = TYPE_WORDS[expected] ?? expected;
  if (value === undefined) {
    const remedy = `add ${nameOf(path)}: ${wanted}`;
    return definitionFault(at, 'field_missing', `${nameOf(path)} is missing`, remedy);
  }
  if (expected === 'int' && typeof value === 'number') {
    const message = `${nameOf(path)} is ${value}, and it counts something, so it is a whole number`;
    return definitionFault(at, 'not_a_whole_number', message, 'write a whole number');
  }
  const remedy = value === null ? `leave ${nameOf(path)} out, or write ${wanted}` : `write ${wanted}`;
  return definitionFault(
    at,
    'wrong_type',
    `${nameOf(path)} is ${valueText(path, value)}, not ${wanted}`,
    remedy,
  );
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

function choiceFault(values: readonly unknown[], path: Path, value: unknown): DefinitionFault {
  const options = values.map(String);
  if (value === undefined) {
    const remedy = `add ${nameOf(path)}: one of ${options.join(', ')}`;
    return definitionFault(pathText(path), 'field_missing', `${nameOf(path)} is missing`, remedy);
  }
  if (values.length === 1 && values[0] === true) {
    const message = `${nameOf(path)} is ${shown(value)}, and a switch is either true or not there`;
    return definitionFault(pathText(path), 'only_true', message, `write true or leave ${nameOf(path)} out`);
  }
  const near = typeof value === 'string' ? nearestName(value, options) : undefined;
  const message = `${nameOf(path)} is ${shown(value)}, which is none of ${options.join(', ')}`;
  const remedy =
    near === undefined ? `write one of ${options.join(', ')}` : `write ${near} if that was meant`;
  return definitionFault(pathText(path), 'choice_unknown', message, remedy);
}

function sizeFault(
  issue: Extract<Issue, { code: 'too_small' | 'too_big' }>,
  path: Path,
  value: unknown,
): DefinitionFault {
  const isSmall = issue.code === 'too_small';
  const limit = Number(issue.code === 'too_small' ? issue.minimum : issue.maximum);
  const bound = `at ${isSmall ? 'least' : 'most'} ${limit}`;
  const told = (code: DefinitionCode, has: string, unit: string): DefinitionFault =>
    definitionFault(
      pathText(path),
      code,
      `${nameOf(path)} ${has}, and it has ${bound}${unit}`,
      `make it ${bound}${unit}`,
    );
  if (typeof value === 'string') {
    return told(
      isSmall ? 'text_too_short' : 'text_too_long',
      `has ${value.length} characters`,
      ' characters',
    );
  }
  if (Array.isArray(value)) {
    return told(isSmall ? 'list_too_short' : 'list_too_long', `has ${value.length} entries`, ' entries');
  }
  const code = isSmall ? 'number_too_small' : 'number_too_large';
  const message = `${nameOf(path)} is ${shown(value)}, and it is ${bound}`;
  return definitionFault(pathText(path), code, message, `write a number of ${bound}`);
}

function unionFaults(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  input: unknown,
  path: Path,
): DefinitionFault[] {
  const value = valueAt(input, path);
  const choice = UNION_CHOICES[patternOf(path)];
  if (choice !== undefined && isMap(value)) {
    return choiceOfKind(choice, issue, input, path, value);
  }
  const options = DISCRIMINATORS[patternOf(path)];
  if (options !== undefined) return [choiceFault(options, path, value)];
  return [typeFault(choice === undefined ? 'text, a number, true or false' : 'object', path, value)];
}

const DISCRIMINATORS: Readonly<Record<string, readonly string[]>> = {
  'model.changes.by': ['cursor', 'diff', 'all'],
  'checks[].otherwise': ['exclude', 'hold'],
};

type Choice = (typeof UNION_CHOICES)[string];

/** A union whose branches are told apart by the one name that each has: `from`, `value` or `template`. */
function choiceOfKind(
  choice: Choice,
  issue: Extract<Issue, { code: 'invalid_union' }>,
  input: unknown,
  path: Path,
  value: object,
): DefinitionFault[] {
  const present = choice.names.filter((name) => Object.hasOwn(value, name));
  const branch = Math.max(0, choice.names.indexOf(present[0] ?? ''));
  const names = knownNames(patternOf(path));
  const inner = (issue.errors[branch] ?? []).flatMap((each) => {
    if (each.code === 'unrecognized_keys' && each.path.length === 0) {
      return each.keys.filter((key) => !names.includes(key)).map((key) => unknownName(path, key));
    }
    const isKind = present.length === 0 && each.path[0] === choice.names[branch];
    return isKind ? [] : issueFaults(each, input, [...path, ...each.path]);
  });
  const meant = Object.keys(value).some((key) => choice.names.includes(nearestName(key, names) ?? ''));
  if (present.length === 0 && meant && inner.length > 0) return inner;
  return [...inner, ...kindFaults(choice, path, value)];
}

/** None of the names that decide, more than one, or names that go with another. */
function kindFaults(choice: Choice, path: Path, value: object): DefinitionFault[] {
  const present = choice.names.filter((name) => Object.hasOwn(value, name));
  const said = choice.names.join(', ');
  if (present.length === 0) {
    const message = `${nameOf(path)} has none of ${said}`;
    return [definitionFault(pathText(path), choice.missing, message, `add one of ${said}`)];
  }
  if (present.length === 1) return strayNames(choice, path, value, present[0] ?? '');
  const message = `${nameOf(path)} has ${present.join(' and ')}, and only one of ${said} may be there`;
  return [definitionFault(pathText(path), choice.ambiguous, message, `keep one of ${present.join(', ')}`)];
}

/** A name that belongs to another branch only, such as `timezone` beside `every`. */
function strayNames(choice: Choice, path: Path, value: object, kind: string): DefinitionFault[] {
  return Object.entries(choice.only)
    .filter(([name, owner]) => owner !== kind && Object.hasOwn(value, name))
    .map(([name, owner]) =>
      definitionFault(
        pathText([...path, name]),
        'field_unknown',
        `"${name}" goes with ${owner}, and ${nameOf(path)} says ${kind}`,
        `take ${name} out, or say ${owner} instead of ${kind}`,
      ),
    );
}

const isMap = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The last name of a path, as a sentence can begin with it. */
function nameOf(path: Path): string {
  return path.length === 0 ? 'the definition' : pathText(path);
}

/** What stands in options is the destination's and may be private: its values are not repeated. */
const valueText = (path: Path, value: unknown): string =>
  path[1] === 'options' ? `of type ${typeof value}` : shown(value);

/** `fields[2].as` as `fields[].as`: the place in the schema. */
function patternOf(path: Path): string {
  return pathText(path.map((part) => (typeof part === 'number' ? 0 : part))).replaceAll('[0]', '[]');
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    return (value as Record<PropertyKey, unknown>)[part];
  }, input);
}
