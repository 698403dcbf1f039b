/**
 * A row on its way to a destination: what the mapping made of one stage line.
 */

/**
 * A value that a destination receives. Integers beyond 2^53 and decimals are `Exact`: made by `JSON.rawJSON`,
 * so `JSON.stringify` writes their digits unchanged; a destination whose wire is not JSON reads `rawJSON`.
 */
export type Value =
  | string
  | number
  | boolean
  | null
  | Exact
  | readonly Value[]
  | { readonly [name: string]: Value };
export type Exact = { readonly rawJSON: string };

declare global {
  interface JSON {
    rawJSON(text: string): Exact;
    isRawJSON(value: unknown): value is Exact;
  }
}

/** An instruction to a destination; a change in the source becomes one by the sync's mode. */
export type Operation = 'insert' | 'update' | 'upsert' | 'delete';

export type Row = {
  /** The row key: made in SQL, carried unread. Outcomes answer by it. */
  readonly key: string;
  /** Destination field -> value. A field that is absent is left as it is; null clears it. */
  readonly fields: Readonly<Record<string, Value>>;
};
