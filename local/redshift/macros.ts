/**
 * Functions of Redshift that DuckDB lacks or means differently, as macros; settings that make the two agree.
 */

/** Once per database. */
export const DATABASE_SQL: readonly string[] = [
  `set global integer_division = true`,
  `set global default_null_order = 'nulls_last_on_asc_first_on_desc'`,
  `set global preserve_insertion_order = false`,
  // Looking for the best compression takes three times as long as writing, and a laptop's tables do not live long.
  `set global force_compression = 'uncompressed'`,
  `create schema if not exists tailrace`,
  `create type super as json`,
  ...[
    'year',
    'quarter',
    'month',
    'week',
    'day',
    'hour',
    'minute',
    'second',
    'millisecond',
    'microsecond',
  ].map(
    (unit) =>
      `create or replace macro redshift_add_${unit}(n, x) as x + to_${unit === 'quarter' ? 'months(3 * ' : `${unit}s(`}n)`,
  ),
  `create or replace macro redshift_getdate() as (now() at time zone 'UTC')`,
  `create or replace macro redshift_to_date(x, f) as case when f = 'YYYY-MM-DD' then cast(x as date) else error('to_date: this format is not implemented here') end`,
  `create or replace macro redshift_to_char(x, f) as strftime(x, ${strftimeFormat('f')})`,
  `create or replace macro redshift_current_setting(x) as case when x = 'statement_timeout' then '0' else error('current_setting: this setting is not implemented here') end`,
  `create or replace macro redshift_json_parse(x) as cast(x as json)`,
  `create or replace macro json_serialize(x) as case when typeof(x) = 'JSON' then cast(x as varchar) else cast(to_json(x) as varchar) end`,
  `create or replace macro redshift_json_size(x) as strlen(json_serialize(x))`,
  `create or replace macro json_extract_path_text(x, a) as json_extract_string(x, '$."' || a || '"'),
     (x, a, b) as json_extract_string(x, '$."' || a || '"."' || b || '"')`,
  `create or replace macro is_valid_json(x) as json_valid(x)`,
  `create or replace macro sha2(x, bits) as sha256(x)`,
  `create or replace macro func_sha1(x) as sha1(x)`,
  `create or replace macro octet_length(x) as strlen(cast(x as varchar))`,
  `create or replace macro fnv_hash(x) as cast(hash(x) >> 1 as bigint)`,
  `create or replace macro to_varbyte(x, f) as case when f = 'hex' then unhex(x) else encode(x) end`,
  `create or replace macro btrim(x) as trim(x), (x, c) as trim(x, c)`,
  `create or replace macro from_varbyte(x, f) as case when f = 'hex' then lower(hex(cast(x as blob))) else decode(cast(x as blob)) end`,
  `create or replace macro from_hex(x) as unhex(x)`,
  `create or replace macro charindex(a, b) as strpos(b, a)`,
  `create or replace macro nvl2(a, b, c) as case when a is not null then b else c end`,
];

/** Redshift's date patterns as strftime's, for the patterns in use; longer words first. */
function strftimeFormat(name: string): string {
  const pairs: readonly (readonly [string, string])[] = [
    ['YYYY', '%Y'],
    ['HH24', '%H'],
    ['HH12', '%I'],
    ['MONTH', '%B'],
    ['MON', '%b'],
    ['DDD', '%j'],
    ['MM', '%m'],
    ['DD', '%d'],
    ['MI', '%M'],
    ['SS', '%S'],
    ['US', '%f'],
    ['MS', '%g'],
  ];
  return pairs.reduce((text, [from, to]) => `replace(${text}, '${from}', '${to}')`, name);
}
