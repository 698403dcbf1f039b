/** Rules between fields: each target once, a matchOn that names records, templates that can be rendered. */
import { definitionFault, shown } from './definition-codes.ts';
import type { DefinitionFault } from './fault.ts';
import { nearestName } from './nearest-name.ts';
import { PROTOTYPE_NAMES } from './plain-item.ts';
import { columnsOf } from './staged-columns.ts';
import type { Field } from './sync.ts';
import type { Draft } from './sync-draft.ts';
import { TEMPLATE_FILTERS, TEMPLATE_TAGS, templateFlaw } from './template.ts';

export function fieldFaults(draft: Draft): readonly DefinitionFault[] {
  return [...targetFaults(draft), ...matchFaults(draft), ...draft.fields.flatMap(sourceFaults)];
}

function targetFaults({ targets, matchOn }: Draft): readonly DefinitionFault[] {
  const names = matchOn === undefined ? [] : prototypeFault(matchOn, 'destination.matchOn');
  const first = new Map<string, number>();
  return targets.reduce<DefinitionFault[]>(
    (faults, target, index) => {
      if (target === undefined) return faults;
      faults.push(...prototypeFault(target, `fields[${index}].to`));
      const before = first.get(target);
      if (before === undefined) first.set(target, index);
      else faults.push(targetTwice(target, before, index));
      return faults;
    },
    [...names],
  );
}

function prototypeFault(name: string, path: string): readonly DefinitionFault[] {
  if (!PROTOTYPE_NAMES.includes(name)) return [];
  const message = `the name ${shown(name)} is not allowed anywhere`;
  return [
    definitionFault(path, 'prototype_name', message, 'choose another name for the destination’s field'),
  ];
}

function targetTwice(target: string, before: number, index: number): DefinitionFault {
  const message = `${shown(target)} is filled by fields[${before}] already, and the later one would win unseen`;
  return definitionFault(`fields[${index}].to`, 'target_twice', message, 'keep one of the two');
}

function matchFaults({ matchOn, targets, fields }: Draft): readonly DefinitionFault[] {
  if (matchOn === undefined || targets.length === 0) return [];
  const at = targets.indexOf(matchOn);
  if (at < 0) return [notAField(matchOn, targets)];
  const field = fields[at];
  return field === undefined ? [] : weakMatch(field, at, matchOn);
}

function notAField(matchOn: string, targets: readonly (string | undefined)[]): DefinitionFault {
  const names = targets.filter((target) => target !== undefined);
  const near = nearestName(matchOn, names);
  const message = `no field fills ${shown(matchOn)}, so no record could be named`;
  const remedy =
    near === undefined ? `add a field with to: ${shown(matchOn)}` : `write ${shown(near)} if that was meant`;
  return definitionFault('destination.matchOn', 'match_not_a_field', message, remedy);
}

function weakMatch(field: Field, at: number, matchOn: string): readonly DefinitionFault[] {
  const isConstant =
    'value' in field ||
    ('template' in field && columnsOf(field).length === 0 && templateFlaw(field.template) === undefined);
  if (isConstant) {
    const message = `${shown(matchOn)} names the record, and fields[${at}] gives every row the same value`;
    const remedy = 'fill it from a column that is different in every row';
    return [definitionFault('destination.matchOn', 'match_from_constant', message, remedy)];
  }
  if (field.as?.default !== undefined) {
    const message = `${shown(matchOn)} names the record, and a default would make all rows without a value one record`;
    const remedy = 'leave the default out: a row without a value is then invalid';
    return [definitionFault(`fields[${at}].as.default`, 'match_with_default', message, remedy)];
  }
  if (field.as?.whenTooLong !== 'truncate') return [];
  const message = `${shown(matchOn)} names the record, and truncating could make two rows one record`;
  const remedy = 'write whenTooLong: reject';
  return [definitionFault(`fields[${at}].as.whenTooLong`, 'match_truncated', message, remedy)];
}

function sourceFaults(field: Field | undefined, index: number): readonly DefinitionFault[] {
  if (field === undefined || !('template' in field)) return [];
  const path = `fields[${index}].template`;
  const flaw = templateFlaw(field.template);
  if (flaw !== undefined)
    return [definitionFault(path, flaw.code, flaw.message, remedyOf(flaw.code, flaw.name))];
  const bad = columnsOf(field).find((name) => PROTOTYPE_NAMES.includes(name));
  return bad === undefined ? [] : prototypeFault(bad, path);
}

function remedyOf(code: string, name: string | undefined): string {
  const known = code === 'template_tag_forbidden' ? TEMPLATE_TAGS : TEMPLATE_FILTERS;
  const near = name === undefined ? undefined : nearestName(name, known);
  if (code === 'template_does_not_parse')
    return 'close every {{ }} and {% %}, and write {{ column }} for a column';
  if (near !== undefined) return `write ${near} if that was meant`;
  return code === 'template_tag_forbidden'
    ? `use one of ${TEMPLATE_TAGS.filter((tag) => tag !== '#').join(', ')}, or do it in the model’s SQL`
    : 'do it in the model’s SQL; docs/definition.md lists the filters';
}
