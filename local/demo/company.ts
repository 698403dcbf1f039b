/**
 * Kestrel Coffee, the company of the demonstration: customers, subscriptions, orders and scores, as a warehouse holds
 * them after some years. Everything is a function of the row's number and md5, so every machine gets the same rows.
 *
 * The dirt is placed by row number, so its counts can be told by hand (see `literals.ts`); no two kinds share a row:
 *
 *   n % 500 = 11  no e-mail            n % 400 = 13  an e-mail without @      n % 1000 = 21  a blocked mail domain
 *   n % 2000 = 31 a note of 600 signs  n % 5000 = 41 the key occurs twice     n % 10000 = 57  a negative balance
 *   ten customers without a key, one subscription with an empty key, names in a dozen scripts, emoji and combining
 *   marks, integers beyond 2^53, decimals of 18 digits, instants on both sides of a clock change, nested SUPER values
 *
 * The statements are DuckDB's SQL: they stand for the pipelines that fill a warehouse, not for anything of ours.
 */

/** The statements that fill schema `shop` with `customers` customers; about two seconds for 100,000. */
export function companySql(customers: number): readonly string[] {
  return [
    'CREATE SCHEMA IF NOT EXISTS shop',
    `CREATE OR REPLACE MACRO shop.pick(what, n, choices) AS
       CAST(md5_number_lower(concat('kestrel/', what, '/', n)) % choices AS BIGINT)`,
    `CREATE OR REPLACE TABLE shop.customers AS ${customersFrom(1, customers)}`,
    `INSERT INTO shop.customers SELECT * FROM shop.customers WHERE customer_id % 5000 = 41`,
    `INSERT INTO shop.customers
       SELECT * REPLACE (CAST(NULL AS BIGINT) AS customer_id, CAST(NULL AS VARCHAR) AS customer_ref)
       FROM shop.customers WHERE customer_id BETWEEN 1 AND 10`,
    `CREATE OR REPLACE TABLE shop.scores AS ${scoresFrom(1, customers)}`,
    `CREATE OR REPLACE TABLE shop.subscriptions AS ${subscriptionsFrom(1, customers)}`,
    `INSERT INTO shop.subscriptions SELECT * REPLACE ('' AS subscription_code)
       FROM shop.subscriptions WHERE customer_id = 1`,
    `CREATE OR REPLACE TABLE shop.orders AS ${ordersFrom(1, customers)}`,
  ];
}

/**
 * What happens next: new customers, changed scores, closed accounts, mended and freshly broken e-mails. One
 * transaction, stamped with the warehouse's own clock, as a nightly job would do; but the mended rows are not stamped,
 * so only their being in the failure set brings them to the destination.
 */
export function changeSql(customers: number): readonly string[] {
  const first = customers + 1;
  const last = customers + customers / 200;
  return [
    'BEGIN TRANSACTION',
    `INSERT INTO shop.customers ${customersFrom(first, last)}`,
    `UPDATE shop.customers SET updated_at = ${NOW} WHERE customer_id BETWEEN ${first} AND ${last}`,
    `INSERT INTO shop.scores ${scoresFrom(first, last)}`,
    `UPDATE shop.scores SET churn_risk = 1 - churn_risk, lifetime_value = lifetime_value + 12.3456
       WHERE customer_id % 100 = 50 AND customer_id <= ${customers}`,
    `UPDATE shop.customers SET updated_at = ${NOW}
       WHERE customer_id % 100 = 50 AND customer_id <= ${customers}`,
    `UPDATE shop.customers SET email = replace(email, ' at ', '@')
       WHERE customer_id % 2000 = 13 AND customer_id <= ${customers}`,
    `UPDATE shop.subscriptions SET plan = 'office' WHERE customer_id % 250 = 100`,
    `DELETE FROM shop.subscriptions WHERE customer_id % 500 = 125`,
    `DELETE FROM shop.customers WHERE customer_id % 1000 = 77 AND customer_id <= ${customers}`,
    `DELETE FROM shop.scores WHERE customer_id % 1000 = 77 AND customer_id <= ${customers}`,
    'COMMIT',
  ];
}

/** The rows that are on their way while a destination is down: every tenth customer is seen again. */
export function outageSql(customers: number): readonly string[] {
  return [
    'BEGIN TRANSACTION',
    `UPDATE shop.customers SET last_seen = last_seen + INTERVAL 1 DAY, balance = balance + 0.0001,
       updated_at = ${NOW} WHERE customer_id % 10 = 2 AND customer_id <= ${customers}`,
    'COMMIT',
  ];
}

/** Timestamps without a zone are UTC in this warehouse, as they are in most. */
const NOW = "CAST(now() AT TIME ZONE 'UTC' AS TIMESTAMP)";

const list = (names: readonly string[]): string =>
  `[${names.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ')}]`;
const oneOf = (what: string, names: readonly string[]): string =>
  `${list(names)}[1 + shop.pick('${what}', n, ${names.length})]`;

/** Scripts that break naive code: right to left, no case, surrogate pairs, joined emoji, combining marks. */
const FIRST_NAMES: readonly string[] = [
  ...[
    'Anna',
    'Bram',
    'Chloé',
    'Dmitri',
    'Esra',
    'Farid',
    'Greta',
    'Hannah',
    'Ivo',
    'João',
    'Łukasz',
    'Maeve',
  ],
  ...[
    'Ngozi',
    'Örjan',
    'Priya',
    'Søren',
    'Žofia',
    '美咲',
    '민준',
    'محمد',
    'שרה',
    'Αλέξανδρος',
    'Дарья',
    'สมชาย',
  ],
  ...['Jose\u0301', 'Zoe\u0308', '👩🏽‍🚀 Kim', 'Ann-Marie', "D'Arcy", 'İpek'],
];
const LAST_NAMES: readonly string[] = [
  ...[
    'Smith',
    "O'Neill",
    'García',
    'Müller',
    'de Vries',
    'Nguyễn',
    'Øst',
    'Kowalska',
    '田中',
    '김',
    'الخطيب',
    'כהן',
  ],
  ...['Παπαδόπουλος', 'Иванова', 'Smith-Jones', 'McKay', 'Ferrari', 'Yılmaz', 'Straße', 'Æbelø'],
];
const COUNTRIES: readonly string[] = ['NL', 'DE', 'FR', 'GB', 'IE', 'ES', 'PL', 'SE'];
const NOTE = 'Prefers a call ☕ before delivery; ring twice. ';

function customersFrom(from: number, to: number): string {
  return `
    SELECT CAST(n AS BIGINT) AS customer_id,
      'KC-' || lpad(CAST(n AS VARCHAR), 7, '0') AS customer_ref,
      ${emailOf('n')} AS email,
      CASE WHEN n % 50 = 7 THEN NULL ELSE ${oneOf('first', FIRST_NAMES)} END AS first_name,
      ${oneOf('last', LAST_NAMES)} AS last_name,
      ${oneOf('country', COUNTRIES)} AS country,
      CASE WHEN n % 3 = 0 THEN 9007199254740993 + n * 1000003 ELSE 100000 + n END AS loyalty_number,
      CAST(CASE WHEN n % 10000 = 57 THEN -5 WHEN n % 7 = 0 THEN 12345678901234.5678 ELSE n END
        + shop.pick('balance', n, 10000) * 0.0001 AS DECIMAL(20,4)) AS balance,
      CASE shop.pick('consent', n, 3) WHEN 0 THEN true WHEN 1 THEN false END AS marketing_consent,
      DATE '1950-01-01' + CAST(shop.pick('born', n, 20000) AS INTEGER) AS born_on,
      to_timestamp(CASE WHEN n % 97 = 0 THEN 1729989000 + 3600 * (n % 2)
        ELSE 1546300800 + shop.pick('created', n, 150000000) END) AS created_at,
      make_timestamp(1748736000000000 + 1000000 * shop.pick('seen', n, 9000000) + n % 1000000) AS last_seen,
      CASE WHEN n % 2000 = 31 THEN repeat('${NOTE}', 13) WHEN n % 4 = 0 THEN '${NOTE}' || n END AS note,
      CAST(concat('{"roast":"', ${oneOf('roast', ['light', 'medium', 'dark', 'Größe „XL“ \u2615'])},
        '","grind":{"size":', n % 12, ',"for":["v60","', n % 5, '"]},"lot":', 9007199254740993 + n, '}')
        AS JSON) AS preferences,
      make_timestamp(1759276800000000 + 1000000 * (n // 7)) AS updated_at
    FROM range(${from}, ${to + 1}) AS numbers(n)`;
}

/** Most are fine, some shout or carry spaces, and the kinds in the header never work. */
function emailOf(n: string): string {
  return `CASE WHEN ${n} % 500 = 11 THEN NULL
        WHEN ${n} % 400 = 13 THEN concat('customer', ${n}, ' at example.net')
        WHEN ${n} % 1000 = 21 THEN concat('customer', ${n}, '@blocked.example')
        WHEN ${n} % 20 = 3 THEN concat('  Customer', ${n}, '@Example.NET ')
        ELSE concat('customer', ${n}, '@example.net') END`;
}

function scoresFrom(from: number, to: number): string {
  return `
    SELECT CAST(n AS BIGINT) AS customer_id,
      CAST(shop.pick('risk', n, 10001) * 0.0001 AS DECIMAL(5,4)) AS churn_risk,
      CAST(shop.pick('value', n, 50000000) * 0.0001 AS DECIMAL(18,4)) AS lifetime_value,
      ${oneOf('segment', ['loyal', 'growing', 'at_risk', 'new'])} AS segment
    FROM range(${from}, ${to + 1}) AS numbers(n)`;
}

function subscriptionsFrom(from: number, to: number): string {
  return `
    SELECT CAST(n AS BIGINT) AS customer_id,
      'SUB-' || n AS subscription_code,
      ${oneOf('plan', ['home', 'family', 'office'])} AS plan,
      CAST(9.90 + shop.pick('price', n, 4) * 5 AS DECIMAL(10,2)) AS monthly_price,
      DATE '2021-01-01' + CAST(shop.pick('start', n, 1700) AS INTEGER) AS started_on
    FROM range(${from}, ${to + 1}) AS numbers(n) WHERE n % 5 IN (0, 1)`;
}

function ordersFrom(from: number, to: number): string {
  return `
    SELECT 3 * n + k AS order_id, CAST(n AS BIGINT) AS customer_id,
      CAST((500 + shop.pick('total', 3 * n + k, 9500)) * 0.01 AS DECIMAL(12,2)) AS total,
      ${oneOf('country', COUNTRIES)} AS country,
      make_timestamp(1735689600000000 + 1000000 * shop.pick('placed', 3 * n + k, 31536000)) AS placed_at
    FROM range(${from}, ${to + 1}) AS numbers(n), range(0, 3) AS kinds(k)`;
}
