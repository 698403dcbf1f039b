/** Every rule of a definition, broken in several ways: refused at the right path, by its code, with a remedy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFINITION_CODES } from '../../shared/core/definition-codes.ts';
import { parseSync } from '../../shared/core/sync-rules.ts';
import { BAD_DEFINITIONS } from '../corpus/definitions.ts';
import { goodDefinition, KNOWN } from './good-definition.ts';

test('the definition that all of them were made from is accepted', () => {
  assert.deepEqual(
    parseSync(goodDefinition(), KNOWN).ok,
    true,
    'else every case below would be refused for a reason of its own',
  );
});

test('every documented code has at least three cases, and there are at least forty codes', () => {
  assert.deepEqual(Object.keys(BAD_DEFINITIONS).toSorted(), Object.keys(DEFINITION_CODES).toSorted());
  assert.ok(Object.keys(BAD_DEFINITIONS).length >= 40);
  for (const [code, cases] of Object.entries(BAD_DEFINITIONS)) assert.ok(cases.length >= 3, code);
});

for (const [code, cases] of Object.entries(BAD_DEFINITIONS)) {
  test(`${code}: ${DEFINITION_CODES[code as keyof typeof DEFINITION_CODES]}`, () => {
    for (const [path, item] of cases) {
      const parsed = parseSync(item, KNOWN);
      assert.ok(!parsed.ok, `${path} should be refused`);
      const fault = parsed.faults.find((each) => each.path === path);
      const told = parsed.faults.map((each) => `${each.path}: ${each.code}`).join('; ');
      assert.equal(fault?.code, code, `${path} is told as: ${told}`);
      assert.match(fault?.remedy ?? '', /\w{3}/, `${path} has a remedy`);
      assert.match(fault?.message ?? '', /\w{3}/, `${path} has a message`);
      for (const each of parsed.faults) {
        assert.ok(each.message.length < 600 && each.remedy.length < 600, `${each.path} is told briefly`);
        assert.match(each.message + each.remedy, /^\P{C}+$/u, `${each.path} can be stored`);
      }
    }
  });
}
