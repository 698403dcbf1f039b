/**
 * What each destination must hold, said a second time: SQL over the sample warehouse, written by hand and sharing nothing
 * with the engine (no mapping code, no generated SQL, no stage). A check reads the destination itself and compares every
 * field of every record with the rows of these queries.
 *
 * Each query gives the record's name first, then one column per field, all text; `FIELDS` says what kind of
 * value the destination must hold for it. The statements are DuckDB's SQL.
 */

/** `text` a string, `number` the digits as they are, `boolean`, `json` a document compared by its canonical text. */
export type FieldKind = 'text' | 'number' | 'boolean' | 'json';

export type Expectation = {
  readonly syncId: string;
  /** The object of the sink, or the table of the database. */
  readonly object: string;
  readonly fields: Readonly<Record<string, FieldKind>>;
  readonly sql: string;
  /**
   * Records that the destination may hold beyond the query's rows, and what they must look like: `kept` as they were
   * when their row left the model, `cleared` with every field empty but its name. Absent: none may be there.
   */
  readonly beyond?: 'kept' | 'cleared';
};

/** Keys that occur once: a key that occurs twice is nobody's record. */
const UNIQUE_CUSTOMERS = `(
    SELECT * FROM shop.customers WHERE customer_id IN
      (SELECT customer_id FROM shop.customers GROUP BY customer_id HAVING count(*) = 1)) AS c`;
const EMAIL = 'lower(trim(c.email))';
/** As ISO writes an instant: digits behind the second only where there are any. */
const ISO = "'%Y-%m-%dT%H:%M:%S.%f'";

export const EXPECTATIONS: readonly Expectation[] = [
  {
    syncId: 'customers-to-crm',
    object: 'contacts',
    beyond: 'kept',
    fields: {
      external_id: 'text',
      email: 'text',
      full_name: 'text',
      country: 'text',
      loyalty_number: 'number',
      churn_risk: 'number',
      ltv: 'number',
      segment: 'text',
      note: 'text',
      last_seen: 'text',
      source: 'text',
    },
    sql: `
      SELECT c.customer_ref, ${EMAIL}, trim(concat(c.first_name, ' ', c.last_name)),
        CASE c.country WHEN 'NL' THEN 'Netherlands' WHEN 'DE' THEN 'Germany' WHEN 'FR' THEN 'France'
          WHEN 'GB' THEN 'United Kingdom' WHEN 'IE' THEN 'Ireland' WHEN 'ES' THEN 'Spain'
          WHEN 'PL' THEN 'Poland' WHEN 'SE' THEN 'Sweden' END,
        CAST(c.loyalty_number AS VARCHAR), CAST(s.churn_risk AS VARCHAR), CAST(s.lifetime_value AS VARCHAR),
        s.segment, c.note, concat(rtrim(rtrim(strftime(c.last_seen, ${ISO}), '0'), '.'), 'Z'), 'warehouse'
      FROM ${UNIQUE_CUSTOMERS} LEFT JOIN shop.scores AS s USING (customer_id)
      WHERE c.email LIKE '%@%' AND c.email NOT LIKE '%@blocked.example' AND coalesce(length(c.note), 0) <= 280`,
  },
  {
    syncId: 'companies-to-crm',
    object: 'companies',
    beyond: 'cleared',
    fields: { code: 'text', title: 'text', price: 'number', member_since: 'text', started: 'text' },
    sql: `
      SELECT lower(s.subscription_code), concat(c.last_name, ' (', c.country, ')'),
        CAST(CAST(s.monthly_price AS DECIMAL(10,1)) AS VARCHAR),
        strftime(c.created_at AT TIME ZONE 'Europe/Amsterdam', '%Y-%m-%d %H:%M'),
        CAST(s.started_on AS VARCHAR)
      FROM shop.subscriptions AS s JOIN ${UNIQUE_CUSTOMERS} USING (customer_id)
      WHERE s.plan = 'office' AND s.subscription_code <> ''`,
  },
  {
    syncId: 'subscribers-to-audience',
    object: 'members',
    fields: {
      member_id: 'text',
      email_sha256: 'text',
      plan: 'text',
      price: 'number',
      since: 'text',
      birth_year: 'text',
    },
    sql: `
      SELECT s.subscription_code, sha256(${EMAIL}),
        CASE s.plan WHEN 'home' THEN 'Home' WHEN 'family' THEN 'Family' ELSE 'Office' END,
        CAST(s.monthly_price AS VARCHAR), CAST(s.started_on AS VARCHAR), CAST(year(c.born_on) AS VARCHAR)
      FROM shop.subscriptions AS s JOIN ${UNIQUE_CUSTOMERS} USING (customer_id)
      WHERE s.subscription_code <> '' AND c.email IS NOT NULL`,
  },
  {
    syncId: 'customers-to-app',
    object: 'app.customers',
    fields: {
      customer_id: 'number',
      email: 'text',
      display_name: 'text',
      loyalty_number: 'number',
      balance: 'number',
      marketing_consent: 'boolean',
      born_on: 'text',
      created_at: 'text',
      note: 'text',
      preferences: 'json',
      churn_risk: 'number',
      segment: 'text',
    },
    sql: `
      SELECT CAST(c.customer_id AS VARCHAR), ${EMAIL}, concat(coalesce(c.first_name, 'Customer'), ' ', c.last_name),
        CAST(c.loyalty_number AS VARCHAR), CAST(c.balance AS VARCHAR), CAST(c.marketing_consent AS VARCHAR),
        CAST(c.born_on AS VARCHAR), strftime(c.created_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f'),
        left(c.note, 80), CAST(c.preferences AS VARCHAR), CAST(s.churn_risk AS VARCHAR), s.segment
      FROM ${UNIQUE_CUSTOMERS} LEFT JOIN shop.scores AS s USING (customer_id)
      WHERE c.customer_id IS NOT NULL AND c.balance >= 0`,
  },
  {
    syncId: 'daily-revenue-to-app',
    object: 'app.daily_revenue',
    fields: { id: 'text', day: 'text', country: 'text', revenue: 'number', orders: 'number' },
    sql: `
      SELECT concat(CAST(CAST(placed_at AS DATE) AS VARCHAR), '/', country), CAST(CAST(placed_at AS DATE) AS VARCHAR),
        country, CAST(sum(total) AS VARCHAR), CAST(count(*) AS VARCHAR)
      FROM shop.orders GROUP BY CAST(placed_at AS DATE), country`,
  },
];
