/** Rules of names: what people type into other systems by hand must be printable, and unique where it names. */
import { definitionFault, pathText, shown } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { type Draft, listOf, mapOf } from './sync-draft.ts';

type Named = { readonly path: readonly PropertyKey[]; readonly value: unknown };

export function nameFaults(draft: Draft): readonly DefinitionFault[] {
  const keys = draft.primaryKey.flatMap((column, index) =>
    draft.primaryKey.indexOf(column) === index ? [] : [keyTwice(column, index)],
  );
  return [...namesOf(draft).flatMap(nameFault), ...textsOf(draft).flatMap(blankFault), ...keys];
}

export function checkFaults({ checks }: Draft): readonly DefinitionFault[] {
  const names = checks.map((check) => check?.name);
  return checks.flatMap((check, index) => {
    if (check === undefined) return [];
    const twice = names.indexOf(check.name) === index ? [] : [checkTwice(check.name, index)];
    return [...twice, ...shareFault(check, index)];
  });
}

function shareFault(check: NonNullable<Draft['checks'][number]>, index: number): readonly DefinitionFault[] {
  if (check.otherwise !== 'hold' || typeof check.whenMoreThan !== 'string') return [];
  if (Number(check.whenMoreThan.slice(0, -1)) <= 100) return [];
  const message = `whenMoreThan is ${check.whenMoreThan}, and no share is above 100%, so the check would never hold`;
  return [
    definitionFault(`checks[${index}].whenMoreThan`, 'share_over_100', message, 'write a share below 100%'),
  ];
}

function keyTwice(column: string, index: number): DefinitionFault {
  const message = `the primary key names ${shown(column)} twice`;
  return definitionFault(`model.primaryKey[${index}]`, 'primary_key_twice', message, 'take one of them out');
}

function checkTwice(name: string, index: number): DefinitionFault {
  const message = `two checks are called ${shown(name)}, and failures are told by name`;
  return definitionFault(
    `checks[${index}].name`,
    'check_name_twice',
    message,
    'give each check its own name',
  );
}

function namesOf({ item }: Draft): readonly Named[] {
  const model = mapOf(item.model);
  const destination = mapOf(item.destination);
  const fields = listOf(item.fields).flatMap((field, index) => [
    { path: ['fields', index, 'to'], value: mapOf(field).to },
    { path: ['fields', index, 'from'], value: mapOf(field).from },
  ]);
  const checks = listOf(item.checks).map((check, index) => ({
    path: ['checks', index, 'name'],
    value: mapOf(check).name,
  }));
  return [
    { path: ['owner'], value: item.owner },
    ...listOf(model.primaryKey).map((value, index) => ({ path: ['model', 'primaryKey', index], value })),
    { path: ['model', 'changes', 'column'], value: mapOf(model.changes).column },
    { path: ['destination', 'object'], value: destination.object },
    { path: ['destination', 'matchOn'], value: destination.matchOn },
    ...fields,
    ...checks,
  ];
}

/** Texts of many lines: only being empty is a rule. */
function textsOf({ item }: Draft): readonly Named[] {
  const checks = listOf(item.checks).map((check, index) => ({
    path: ['checks', index, 'sql'],
    value: mapOf(check).sql,
  }));
  return [{ path: ['model', 'sql'], value: mapOf(item.model).sql }, ...checks];
}

/** Control characters, and those that turn the reading direction around and so show another name. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

function nameFault(named: Named): readonly DefinitionFault[] {
  const { path, value } = named;
  if (typeof value !== 'string') return [];
  if (UNPRINTABLE.test(value)) {
    const message = `${shown(value)} holds a control character, which no name does`;
    return [definitionFault(pathText(path), 'name_unprintable', message, 'type the name again by hand')];
  }
  const blank = blankFault(named);
  if (blank.length > 0 || value === value.trim()) return blank;
  const message = `${shown(value)} begins or ends with a space, which nobody sees later`;
  return [definitionFault(pathText(path), 'name_padded', message, `write ${shown(value.trim())}`)];
}

function blankFault({ path, value }: Named): readonly DefinitionFault[] {
  if (typeof value !== 'string' || value === '' || value.trim() !== '') return [];
  const message = `${pathText(path)} holds nothing but space`;
  return [definitionFault(pathText(path), 'text_blank', message, 'write what was meant')];
}
