/** A definition that is right in every part, and a way to break one part of it. */

export const KNOWN = { accounts: ['crm-main', 'app-database'], personalColumns: ['birth_date', 'iban'] };

/** A fresh copy each time, as an author would write it. */
export function goodDefinition(): Record<string, unknown> {
  return {
    syncId: 'contacts-to-crm',
    owner: 'growth@example.com',
    purpose: 'Churn risk on every contact',
    schedule: { cron: '0 6 * * *', timezone: 'Europe/Paris' },
    model: {
      sql: 'select customer_id, email, first_name, ltv, seen_at from shop.customers',
      primaryKey: ['customer_id'],
      changes: { by: 'diff' },
    },
    destination: { account: 'crm-main', object: 'contacts', mode: 'upsert', matchOn: 'email' },
    fields: [
      { to: 'email', from: 'email', as: { trim: true, lowercase: true } },
      { to: 'greeting', template: 'Dear {{ first_name }}' },
      { to: 'ltv', from: 'ltv', as: { decimal: 2 } },
      { to: 'source', value: 'warehouse' },
    ],
    checks: [{ name: 'ltv is not negative', sql: 'ltv >= 0', otherwise: 'exclude' }],
  };
}

export const GONE: unique symbol = Symbol('gone');

/** The good definition with other values at paths such as `fields.2.as.decimal`; `GONE` takes a name away. */
export function edited(changes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const definition = goodDefinition();
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    let place: Record<string, unknown> = definition;
    for (const name of names) {
      place[name] ??= {};
      place = place[name] as Record<string, unknown>;
    }
    if (value === GONE) delete place[last];
    // An own name, `__proto__` included, as a parser would make it.
    else Object.defineProperty(place, last, { value, enumerable: true, writable: true, configurable: true });
  }
  return definition;
}
