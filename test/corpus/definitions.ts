/**
 * Definitions that are wrong, by the rule that refuses them: at least three ways to break each. Data only; `test/core/bad-definitions.test.ts`
 * asserts that each is refused at its path, with its code and with a remedy.
 */
import type { DefinitionCode } from '../../shared/core/definition-codes.ts';
import { edited, GONE, goodDefinition } from '../core/good-definition.ts';

/** The path where the author must look, and what was written. */
type Case = readonly [path: string, item: unknown];

const at = (path: string, changes: Readonly<Record<string, unknown>>): Case => [path, edited(changes)];
const as = (path: string, conversion: unknown): Case => [path, edited({ 'fields.2.as': conversion })];
const cron = (text: string): Case => at('schedule.cron', { schedule: { cron: text } });
const every = (text: string): Case => at('schedule.every', { schedule: { every: text } });
const deep = (levels: number, leaf: unknown): unknown =>
  Array.from({ length: levels }).reduce<unknown>((inner) => ({ in: inner }), leaf);
const template = (text: string): Case =>
  at('fields[1].template', { 'fields.1': { to: 'greeting', template: text } });
const many = (count: number, entry: (index: number) => unknown): unknown[] =>
  Array.from({ length: count }, (_, index) => entry(index));
const LONE = '\ud83d';

export const BAD_DEFINITIONS: Readonly<Record<DefinitionCode, readonly Case[]>> = {
  not_a_map: [
    ['', null],
    ['', [goodDefinition()]],
    ['', 'syncId: contacts'],
  ],
  definition_too_large: [
    at('model.sql', { 'model.sql': 'x'.repeat(300_000) }),
    at('purpose', { purpose: 'é'.repeat(140_000) }),
    at('destination.options.bodies', { 'destination.options': { bodies: 'b'.repeat(262_145) } }),
  ],
  definition_too_deep: [
    at('destination.options.in.in', { 'destination.options': deep(40, 1) }),
    at('destination.options.in.in', { 'destination.options': deep(5000, 'x') }),
    at('model.in.in.in', { model: deep(25, []) }),
  ],
  definition_too_many_entries: [
    at('destination.options.list', { 'destination.options': { list: many(20_001, () => 1) } }),
    at('destination.options.sparse', { 'destination.options': { sparse: new Array(4_000_000_000) } }),
    at('fields[2].as.lookup', {
      'fields.2.as': {
        lookup: Object.fromEntries(many(20_001, (index) => [`k${index}`, index]) as [string, number][]),
      },
    }),
  ],
  prototype_name: [
    at('__proto__', { ['__proto__']: { polluted: true } }),
    at('fields[2].to', { 'fields.2.to': 'constructor' }),
    at('destination.options.prototype', { 'destination.options': { prototype: 1 } }),
    at('destination.matchOn', { 'destination.matchOn': '__proto__', 'fields.0.to': 'x' }),
  ],
  text_not_storable: [
    at('purpose', { purpose: 'half \ud800' }),
    at('model.sql', { 'model.sql': 'select 1 \0' }),
    at('fields[2].as.lookup["a\\u0000"]', { 'fields.2.as': { lookup: { 'a\0': 1 } } }),
    at('fields[3].value', { 'fields.3.value': `x${LONE}` }),
  ],
  number_not_finite: [
    at('guards.maxDeletes', { guards: { maxDeletes: Number.NaN } }),
    at('fields[3].value', { 'fields.3.value': Number.POSITIVE_INFINITY }),
    at('destination.options.size', { 'destination.options': { size: Number.NEGATIVE_INFINITY } }),
  ],
  number_not_exact: [
    at('fields[3].value', { 'fields.3.value': 9_007_199_254_740_993n }),
    at('guards.maxDeletes', { guards: { maxDeletes: 10n ** 30n } }),
    at('destination.options.id', { 'destination.options': { id: -9_007_199_254_740_993n } }),
  ],
  set_not_list: [
    at('model.primaryKey', { 'model.primaryKey': new Set(['a', 'b']) }),
    at('fields', { fields: new Set() }),
    at('destination.options.tags', { 'destination.options': { tags: new Set([1]) } }),
  ],
  value_not_plain: [
    at('owner', { owner: new Uint8Array([1, 2]) }),
    at('schedule', { schedule: new Map([['every', '1 hour']]) }),
    at('purpose', { purpose: new Date(0) }),
    at('fields[3].value', { 'fields.3.value': () => 1 }),
  ],
  field_unknown: [
    at('ownr', { ownr: 'me' }),
    at('fields[0].form', { 'fields.0': { to: 'email', form: 'email' } }),
    at('fields[2].as.lowercased', { 'fields.2.as': { lowercased: true } }),
    at('schedule.timezone', { schedule: { every: '1 hour', timezone: 'UTC' } }),
    at('model.changes.column', { 'model.changes': { by: 'diff', column: 'x' } }),
    at('guards.maxDelete', { guards: { maxDelete: 3 } }),
  ],
  field_missing: [
    at('syncId', { syncId: GONE }),
    at('destination.account', { 'destination.account': GONE }),
    at('fields[0].to', { 'fields.0.to': GONE }),
    at('model.changes.column', { 'model.changes': { by: 'cursor' } }),
    at('model', { model: GONE }),
  ],
  wrong_type: [
    at('syncId', { syncId: 7 }),
    at('fields', { fields: 'email' }),
    at('fields[2].as.decimal', { 'fields.2.as': { decimal: 'two' } }),
    at('enabled', { enabled: 'yes' }),
    at('purpose', { purpose: null }),
    at('schedule', { schedule: 'hourly' }),
    at('fields[3].value', { 'fields.3.value': ['a'] }),
  ],
  choice_unknown: [
    at('destination.mode', { 'destination.mode': 'merge' }),
    at('model.changes.by', { 'model.changes': { by: 'cursr', column: 'x' } }),
    at('nulls', { nulls: 'keep' }),
    at('checks[0].otherwise', { 'checks.0.otherwise': 'stop' }),
    at('fields[2].as.hash', { 'fields.2.as': { hash: 'md5' } }),
  ],
  only_true: [
    at('fields[2].as.trim', { 'fields.2.as': { trim: false } }),
    at('fields[2].as.json', { 'fields.2.as': { json: 'yes' } }),
    at('fields[2].as.integer', { 'fields.2.as': { integer: 1 } }),
  ],
  not_a_whole_number: [
    at('fields[2].as.decimal', { 'fields.2.as': { decimal: 1.5 } }),
    at('guards.maxDeletes', { guards: { maxDeletes: 0.5 } }),
    at('model.changes.lagSeconds', { 'model.changes': { by: 'cursor', column: 'c', lagSeconds: 0.1 } }),
  ],
  number_too_small: [
    at('fields[2].as.decimal', { 'fields.2.as': { decimal: -1 } }),
    at('fields[2].as.maxLength', { 'fields.2.as': { maxLength: 0 } }),
    at('guards.maxShrink', { guards: { maxShrink: -0.1 } }),
  ],
  number_too_large: [
    at('fields[2].as.decimal', { 'fields.2.as': { decimal: 39 } }),
    at('guards.maxDeleteRatio', { guards: { maxDeleteRatio: 10 } }),
    at('model.changes.lagSeconds', { 'model.changes': { by: 'cursor', column: 'c', lagSeconds: 86_401 } }),
  ],
  text_too_short: [
    at('owner', { owner: '' }),
    at('fields[0].from', { 'fields.0.from': '' }),
    at('model.sql', { 'model.sql': '' }),
  ],
  text_too_long: [
    at('purpose', { purpose: 'x'.repeat(501) }),
    at('fields[0].from', { 'fields.0.from': 'c'.repeat(128) }),
    at('fields[1].template', { 'fields.1.template': 'x'.repeat(4097) }),
    at('checks[0].name', { 'checks.0.name': 'n'.repeat(81) }),
  ],
  list_too_short: [
    at('fields', { fields: [] }),
    at('model.primaryKey', { 'model.primaryKey': [] }),
    at('fields', { fields: [], 'destination.matchOn': 'id' }),
  ],
  list_too_long: [
    at('model.primaryKey', { 'model.primaryKey': many(9, (index) => `k${index}`) }),
    at('fields', {
      fields: many(513, (index) => ({ to: index === 0 ? 'email' : `f${index}`, from: 'email' })),
    }),
    at('checks', { checks: many(51, (index) => ({ name: `c${index}`, sql: 'true', otherwise: 'exclude' })) }),
  ],
  text_blank: [
    at('owner', { owner: '   ' }),
    at('model.sql', { 'model.sql': ' \n\t' }),
    at('checks[0].sql', { 'checks.0.sql': '  ' }),
  ],
  name_padded: [
    at('fields[0].from', { 'fields.0.from': 'email ' }),
    at('destination.object', { 'destination.object': ' contacts' }),
    at('model.primaryKey[0]', { 'model.primaryKey': ['customer_id\u00a0'] }),
  ],
  name_unprintable: [
    at('fields[2].to', { 'fields.2.to': 'lt\u0007v' }),
    at('destination.object', { 'destination.object': 'contacts\r\nX: y' }),
    at('checks[0].name', { 'checks.0.name': 'safe \u202egnp.exe' }),
  ],
  sync_id_shape: [
    at('syncId', { syncId: 'Contacts to CRM' }),
    at('syncId', { syncId: '9lives' }),
    at('syncId', { syncId: 'a'.repeat(49) }),
    at('syncId', { syncId: '../etc' }),
  ],
  account_name_shape: [
    at('destination.account', { 'destination.account': 'CRM_Main' }),
    at('destination.account', { 'destination.account': '' }),
    at('destination.account', { 'destination.account': 'crm-main/../x' }),
  ],
  account_unknown: [
    at('destination.account', { 'destination.account': 'crm-mian' }),
    at('destination.account', { 'destination.account': 'salesforce' }),
    at('destination.account', { 'destination.account': 'app' }),
  ],
  schedule_kind_missing: [
    at('schedule', { schedule: {} }),
    at('schedule', { schedule: { timezone: 'UTC' } }),
    at('schedule', { schedule: { at: 'noon' } }),
  ],
  schedule_kind_ambiguous: [
    at('schedule', { schedule: { every: '1 hour', cron: '0 6 * * *' } }),
    at('schedule', { schedule: { every: '1 hour', cron: '0 6 * * *', timezone: 'UTC' } }),
    at('schedule', { schedule: { every: 'never', cron: 5 } }),
  ],
  every_shape: [every('hourly'), every('15'), every('minutes 15'), every('15  minutes and more')],
  every_not_expressible: [every('30 seconds'), every('2 weeks'), every('1.5 hours'), every('0 minutes')],
  every_not_aligned: [
    at('schedule.align', { schedule: { every: '45 minutes', align: true } }),
    at('schedule.align', { schedule: { every: '7 minutes', align: true } }),
    at('schedule.align', { schedule: { every: '5 hours', align: true } }),
    at('schedule.align', { schedule: { every: '2 days', align: true } }),
  ],
  cron_shape: [
    cron('0 6 * * ? *'),
    cron('60 * * * *'),
    cron('0 6 * * mon-funday'),
    cron('@daily tick'),
    cron('*/0 * * * *'),
  ],
  cron_not_expressible: [cron('0 6 1 * 1'), cron('0 0 13 * fri'), cron('0 0 */2 * 1-5')],
  cron_never_fires: [cron('0 0 30 2 *'), cron('0 0 31 4,6,9,11 *'), cron('15 3 31 2 *')],
  timezone_unknown: [
    at('schedule.timezone', { 'schedule.timezone': 'Europe/Pariss' }),
    at('schedule.timezone', { 'schedule.timezone': '+02:00' }),
    as('fields[2].as.timezone', { datetime: 'ISO', timezone: 'Mars/Olympus' }),
  ],
  cursor_with_mirror: [
    at('destination.mode', { 'destination.mode': 'mirror', 'model.changes': { by: 'cursor', column: 'c' } }),
    at('destination.mode', {
      'destination.mode': 'mirror',
      'destination.removed': 'delete',
      'model.changes': { by: 'cursor', column: 'c' },
    }),
    at('destination.mode', {
      'destination.mode': 'mirror',
      'destination.removed': 'clear',
      'model.changes': { by: 'cursor', column: 'c', lagSeconds: 0 },
    }),
  ],
  cursor_with_removed: [
    at('destination.removed', {
      'destination.removed': 'delete',
      'model.changes': { by: 'cursor', column: 'c' },
    }),
    at('destination.removed', {
      'destination.removed': 'clear',
      'model.changes': { by: 'cursor', column: 'c' },
    }),
    at('destination.removed', {
      'destination.mode': 'update',
      'destination.removed': 'clear',
      'model.changes': { by: 'cursor', column: 'c' },
    }),
  ],
  insert_with_removed: [
    at('destination.removed', { 'destination.mode': 'insert', 'destination.removed': 'delete' }),
    at('destination.removed', { 'destination.mode': 'insert', 'destination.removed': 'clear' }),
    at('destination.removed', {
      'destination.mode': 'insert',
      'destination.removed': 'delete',
      'model.changes': { by: 'all' },
    }),
  ],
  mirror_with_ignore: [
    at('destination.removed', { 'destination.mode': 'mirror', 'destination.removed': 'ignore' }),
    at('destination.removed', {
      'destination.mode': 'mirror',
      'destination.removed': 'ignore',
      'model.changes': { by: 'all' },
    }),
    at('destination.removed', {
      'destination.mode': 'mirror',
      'destination.removed': 'ignore',
      nulls: 'skip',
    }),
  ],
  primary_key_twice: [
    at('model.primaryKey[1]', { 'model.primaryKey': ['a', 'a'] }),
    at('model.primaryKey[2]', { 'model.primaryKey': ['a', 'b', 'a'] }),
    at('model.primaryKey[3]', { 'model.primaryKey': ['a', 'b', 'c', 'c'] }),
  ],
  target_twice: [
    at('fields[2].to', { 'fields.2.to': 'email' }),
    at('fields[3].to', { 'fields.3.to': 'greeting' }),
    at('fields[1].to', { 'fields.1': { to: 'email', form: 'x' } }),
  ],
  match_not_a_field: [
    at('destination.matchOn', { 'destination.matchOn': 'e-mail' }),
    at('destination.matchOn', { 'destination.matchOn': 'customer_id' }),
    at('destination.matchOn', { 'destination.matchOn': 'Email' }),
  ],
  match_from_constant: [
    at('destination.matchOn', { 'destination.matchOn': 'source' }),
    at('destination.matchOn', { 'fields.0': { to: 'email', value: 7 } }),
    at('destination.matchOn', { 'fields.0': { to: 'email', template: 'nobody@example.com' } }),
  ],
  match_with_default: [
    at('fields[0].as.default', { 'fields.0.as': { default: 'unknown' } }),
    at('fields[0].as.default', { 'fields.0.as': { integer: true, default: 0 } }),
    at('fields[0].as.default', { 'fields.0.as': { lookup: { a: 'b' }, default: 'c' } }),
  ],
  match_truncated: [
    at('fields[0].as.whenTooLong', { 'fields.0.as': { maxLength: 5, whenTooLong: 'truncate' } }),
    at('fields[0].as.whenTooLong', { 'fields.0.as': { trim: true, maxLength: 80, whenTooLong: 'truncate' } }),
    at('fields[1].as.whenTooLong', {
      'destination.matchOn': 'greeting',
      'fields.1.as': { maxLength: 80, whenTooLong: 'truncate' },
    }),
  ],
  field_source_missing: [
    at('fields[0]', { 'fields.0': { to: 'email' } }),
    at('fields[2]', { 'fields.2': { to: 'ltv', as: { decimal: 2 } } }),
    at('fields[1]', { 'fields.1': { to: 'greeting', constant: 'x' } }),
  ],
  field_source_ambiguous: [
    at('fields[0]', { 'fields.0': { to: 'email', from: 'email', value: 'x' } }),
    at('fields[1]', { 'fields.1': { to: 'greeting', from: 'a', template: '{{ b }}' } }),
    at('fields[3]', { 'fields.3': { to: 'source', from: 'a', value: {}, template: 'x' } }),
  ],
  template_does_not_parse: [
    template('{{ first_name'),
    template('{% if a %}x'),
    template('{{ a | }}{% endif %}'),
    template('{% for in %}{% endfor %}'),
  ],
  template_tag_forbidden: [
    template('{% include "secret" %}'),
    template('{% layout "x" %}'),
    template('{% render "/etc/passwd" %}'),
    template('{% nope %}'),
  ],
  template_filter_unknown: [
    template('{{ a | upcas }}'),
    template('{{ "now" | date: "%Y" }}'),
    template('{{ a | where_exp: "x", "x" }}'),
    template('{{ a | constructor }}'),
  ],
  conversions_contradict: [
    as('fields[2].as.uppercase', { lowercase: true, uppercase: true }),
    as('fields[2].as.decimal', { integer: true, decimal: 2 }),
    as('fields[2].as.datetime', { date: 'ISO', datetime: 'ISO' }),
    as('fields[2].as.lowercase', { boolean: true, lowercase: true }),
    as('fields[2].as.maxLength', { hash: 'sha256', maxLength: 10 }),
    as('fields[2].as.lookup', { json: true, lookup: { a: 'b' } }),
  ],
  timezone_without_datetime: [
    as('fields[2].as.timezone', { timezone: 'UTC' }),
    as('fields[2].as.timezone', { string: true, timezone: 'Europe/Paris' }),
    as('fields[2].as.timezone', { decimal: 2, timezone: 'Asia/Tokyo' }),
  ],
  rounding_without_decimal: [
    as('fields[2].as.rounding', { rounding: 'half_up' }),
    as('fields[2].as.rounding', { integer: true, rounding: 'half_even' }),
    as('fields[2].as.rounding', { string: true, rounding: 'half_even' }),
  ],
  when_too_long_without_max_length: [
    as('fields[2].as.whenTooLong', { whenTooLong: 'truncate' }),
    as('fields[2].as.whenTooLong', { string: true, whenTooLong: 'reject' }),
    as('fields[2].as.whenTooLong', { trim: true, whenTooLong: 'truncate' }),
  ],
  date_format_unknown: [
    as('fields[2].as.date', { date: 'YYYY-MM-DD' }),
    as('fields[2].as.date', { date: '%Y-%m-%d' }),
    as('fields[2].as.date', { date: 'epoch_seconds' }),
    as('fields[2].as.date', { date: '' }),
  ],
  datetime_format_unknown: [
    as('fields[2].as.datetime', { datetime: 'iso8601' }),
    as('fields[2].as.datetime', { datetime: "yyyy 'at" }),
    as('fields[2].as.datetime', { datetime: 'DD' }),
    as('fields[2].as.datetime', { datetime: '12:00' }),
  ],
  lookup_empty: [
    as('fields[2].as.lookup', { lookup: {} }),
    as('fields[2].as.lookup', { trim: true, lookup: {} }),
    as('fields[2].as.lookup', { lookup: {}, default: 'x' }),
  ],
  lookup_key_unreachable: [
    as('fields[2].as.lookup', { lowercase: true, lookup: { Gold: 1 } }),
    as('fields[2].as.lookup', { uppercase: true, lookup: { GOLD: 1, silver: 2 } }),
    as('fields[2].as.lookup', { trim: true, lookup: { 'gold ': 1 } }),
  ],
  default_contradicts: [
    as('fields[2].as.default', { decimal: 2, default: 'none' }),
    as('fields[2].as.default', { integer: true, default: 1.5 }),
    as('fields[2].as.default', { boolean: true, default: 'no' }),
    as('fields[2].as.default', { maxLength: 3, default: 'unknown' }),
    as('fields[2].as.default', { string: true, default: 0 }),
  ],
  constant_with_default: [
    at('fields[3].as.default', { 'fields.3.as': { default: 'x' } }),
    at('fields[3].as.default', { 'fields.3': { to: 'n', value: 1, as: { integer: true, default: 2 } } }),
    at('fields[3].as.default', {
      'fields.3': { to: 'n', value: true, as: { boolean: true, default: false } },
    }),
  ],
  constant_not_convertible: [
    at('fields[3].value', { 'fields.3.as': { integer: true } }),
    at('fields[3].value', { 'fields.3.as': { maxLength: 3 } }),
    at('fields[3].value', { 'fields.3.as': { datetime: 'ISO' } }),
    at('fields[3].value', { 'fields.3.as': { lookup: { a: 'b' } } }),
  ],
  check_name_twice: [
    at('checks[1].name', { 'checks.1': { name: 'ltv is not negative', sql: 'true', otherwise: 'exclude' } }),
    at('checks[1].name', { 'checks.1': { name: 'ltv is not negative', sql: 'true', otherwise: 'hold' } }),
    at('checks[2].name', {
      'checks.1': { name: 'b', sql: 'true', otherwise: 'hold' },
      'checks.2': { name: 'b', sql: 'false', otherwise: 'hold', whenMoreThan: '5%' },
    }),
  ],
  share_shape: [
    at('checks[0].whenMoreThan', {
      'checks.0': { name: 'n', sql: 'true', otherwise: 'hold', whenMoreThan: 'few' },
    }),
    at('checks[0].whenMoreThan', {
      'checks.0': { name: 'n', sql: 'true', otherwise: 'hold', whenMoreThan: -1 },
    }),
    at('checks[0].whenMoreThan', {
      'checks.0': { name: 'n', sql: 'true', otherwise: 'hold', whenMoreThan: '5 %' },
    }),
    at('checks[0].whenMoreThan', {
      'checks.0': { name: 'n', sql: 'true', otherwise: 'hold', whenMoreThan: true },
    }),
  ],
  pii_unstated: [
    at('model.pii.birth_date', { 'fields.2': { to: 'born', from: 'birth_date' } }),
    at('model.pii.iban', { 'fields.2': { to: 'account', from: 'IBAN' } }),
    at('model.pii.iban', { 'fields.1': { to: 'greeting', template: 'Dear {{ iban }}' } }),
    at('model.pii.birth_date', {
      'model.primaryKey': ['customer_id', 'birth_date'],
      'model.pii': { iban: 'drop' },
    }),
  ],
  pii_dropped: [
    at('fields[0].from', { 'model.pii': { email: 'drop' } }),
    at('fields[0].from', { 'model.pii': { EMAIL: 'drop', ltv: 'send' } }),
    at('fields[1].template', { 'model.pii': { first_name: 'drop' } }),
  ],
  pii_not_hashed: [
    at('fields[0].as.hash', { 'model.pii': { email: 'hash' } }),
    at('fields[1].as.hash', { 'model.pii': { first_name: 'hash' } }),
    at('fields[2].as.hash', { 'model.pii': { Ltv: 'hash' } }),
  ],
  pii_key: [
    at('model.pii.customer_id', { 'model.pii': { customer_id: 'hash' } }),
    at('model.pii.customer_id', { 'model.pii': { customer_id: 'drop' } }),
    at('model.pii.CUSTOMER_ID', { 'model.pii': { CUSTOMER_ID: 'drop', email: 'send' } }),
  ],
  share_over_100: [
    at('checks[0].whenMoreThan', {
      'checks.0': { name: 'n', sql: 'true', otherwise: 'hold', whenMoreThan: '101%' },
    }),
    at('checks[0].whenMoreThan', {
      'checks.0': { name: 'n', sql: 'true', otherwise: 'hold', whenMoreThan: '500%' },
    }),
    at('checks[0].whenMoreThan', {
      'checks.0': { name: 'n', sql: 'true', otherwise: 'hold', whenMoreThan: '100.001%' },
    }),
  ],
};
