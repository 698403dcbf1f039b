/** Templates: what they may do, and that nothing else is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compileTemplate,
  TEMPLATE_FILTERS,
  TEMPLATE_TAGS,
  templateFlaw,
} from '../../shared/core/template.ts';

const render = (text: string, scope: Record<string, unknown> = {}): string => compileTemplate(text)(scope);

test('text, columns, filters and branches', () => {
  assert.equal(render('Dear {{ name | capitalize }}!', { name: 'ann' }), 'Dear Ann!');
  assert.equal(render('{% if n > 2 %}many{% else %}few{% endif %}', { n: 3 }), 'many');
  assert.equal(render('{{ gone }}{{ gone.deep | default: "none" }}'), 'none');
  assert.equal(render('{% for x in list %}{{ x.a }},{% endfor %}', { list: [{ a: 1 }, { a: 2 }] }), '1,2,');
});

test('no way into JavaScript, files, the clock or chance', () => {
  for (const text of [
    '{{ a.constructor }}',
    '{{ a.constructor.constructor }}',
    '{{ a.__proto__ }}',
    '{{ a["__proto__"]["polluted"] }}',
    '{{ a.toString }}',
    '{{ a.hasOwnProperty }}',
    '{{ constructor }}{{ __proto__ }}{{ process }}{{ globalThis }}{{ this }}',
    '{% assign p = "constructor" %}{{ a[p] }}',
    '{{ list | map: "constructor" | first }}',
    '{{ s.length.constructor }}',
  ]) {
    assert.equal(render(text, { a: { b: 1 }, list: [{}], s: 'x' }), '', text);
  }
  for (const text of [
    '{% include "x" %}',
    '{% render "x" %}',
    '{% layout "x" %}',
    '{% block a %}{% endblock %}',
  ]) {
    assert.equal(templateFlaw(text)?.code, 'template_tag_forbidden', text);
  }
  for (const text of [
    '{{ "now" | date: "%s" }}',
    '{{ list | sample }}',
    '{{ list | where_exp: "x", "1" }}',
    '{{ 1 | raw }}',
  ]) {
    assert.equal(templateFlaw(text)?.code, 'template_filter_unknown', text);
  }
});

test('every documented tag and filter is there', () => {
  for (const filter of TEMPLATE_FILTERS)
    assert.equal(templateFlaw(`{{ a | ${filter}: 1 }}`), undefined, filter);
  const blocks = ['capture x', 'case a', 'comment', 'for i in a', 'if a', 'raw', 'unless a'];
  for (const block of blocks)
    assert.equal(templateFlaw(`{% ${block} %}{% end${block.split(' ')[0]} %}`), undefined, block);
  const single = ['assign a = 1', 'echo a', 'break', 'continue', '# note'];
  for (const tag of single) assert.equal(templateFlaw(`{% ${tag} %}`), undefined, tag);
  assert.equal(TEMPLATE_TAGS.length, blocks.length + single.length);
});

test('what grows without end is stopped', () => {
  for (const text of [
    '{% for i in (1..100000000) %}x{% endfor %}',
    '{% assign s = "x" %}{% for i in (1..40) %}{% assign s = s | append: s %}{% endfor %}{{ s }}',
    '{% capture s %}{% for i in (1..3000) %}{{ "0123456789" }}{% endfor %}{% endcapture %}{{ s }}{{ s }}{{ s }}',
  ]) {
    const startedAt = performance.now();
    assert.throws(() => render(text), { name: 'Fault', kind: 'row' }, text);
    assert.ok(performance.now() - startedAt < 3000, text);
  }
});

test('a template of text and bare columns prints what LiquidJS prints', () => {
  // A comment that LiquidJS takes out keeps the same template off the short way.
  const long = '{% comment %}x{% endcomment %}';
  const value = fc.oneof(
    fc.string(),
    fc.double(),
    fc.boolean(),
    fc.constantFrom(null, undefined, [1, 'a'], {}),
  );
  const part = fc.oneof(
    fc.constantFrom('{{ a }}', '{{b}}', '{{ c_1 }}', '{{ nil }}', ' ', '%', '-'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), value, value, (parts, a, b) => {
      const text = parts.join('');
      if (templateFlaw(text + long) !== undefined) return;
      const scope = Object.assign(Object.create(null), { a, b });
      assert.equal(render(text, scope), render(text + long, scope), text);
    }),
    { numRuns: 500 },
  );
});

test('cutting by filter keeps whole characters', () => {
  assert.equal(render('{{ s | slice: 0, 2 }}', { s: '😀😀😀' }), '😀😀');
  assert.equal(render('{{ s | truncate: 2, "" }}', { s: '😀😀😀' }), '😀😀');
});

test('a failing row says nothing of its values', () => {
  const template = compileTemplate('{% for i in (1..9999999) %}{{ secret }}{% endfor %}');
  assert.throws(
    () => template({ secret: 'canary-4711' }),
    (error: Error) => !`${error.message}${error.stack}`.includes('canary-4711'),
  );
});
