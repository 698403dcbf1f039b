/**
 * The stage: what an extraction leaves in S3, the same from UNLOAD and from Data API pages.
 *
 * NDJSON, one object per row, engine-named columns, every value text or null:
 *   k row key (null only for an invalid row without one) · o change: a added, c changed, r removed, i invalid
 *   f fingerprint · n attempts so far, as text · x '1' when the destination has held this key by our hand
 *   e for an invalid row: its code (`duplicate_key`, `check:<name>`, ...), else null · c0..cN the columns used
 * A removed row has null columns, except those that the matchOn field is made of: the snapshot keeps them, so
 * that a delete can name its record. The manifest beside it is Redshift's verbose manifest; a repeat of the
 * extraction in the same epoch is impossible, so both never change.
 */
import * as z from 'zod';

export type Change = 'a' | 'c' | 'r' | 'i';

export type StageLine = {
  readonly k: string | null;
  readonly o: Change;
  readonly f: string | null;
  readonly n: string;
  readonly x: '0' | '1';
  readonly e: string | null;
  readonly [column: `c${number}`]: string | null;
};

/** A column of the model, as the warehouse describes it: `type` is Redshift's own name (`int8`, `super`, ...). */
export type Column = { readonly name: string; readonly type: string };

export type StageFile = { readonly key: string; readonly bytes: number; readonly rows: number };
export type StageManifest = {
  readonly files: readonly StageFile[];
  readonly rows: number;
  readonly bytes: number;
};

/** Rows; `hi` and watermarks are text of a timestamp, `YYYY-MM-DD HH:MM:SS.ffffff`. */
export type ExtractionCounts = {
  /** Rows of the whole model. */
  readonly modelRows: number;
  /** Lines of the stage: added + changed + removed + invalid. */
  readonly extracted: number;
  readonly unchanged: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly invalid: number;
  readonly nullKeys: number;
  /** Keys of the last failure set that are not tried again and stay in it. */
  readonly carried: number;
  readonly hi: string | null;
  /** Hold-checks: rows of the model that break each. */
  readonly checks: readonly { readonly name: string; readonly rows: number }[];
};

/** Redshift's UNLOAD ... MANIFEST VERBOSE document; only what we read. */
const unloadManifestSchema = z.object({
  entries: z.array(
    z.object({
      url: z.string(),
      meta: z.object({ content_length: z.int().nonnegative(), record_count: z.int().nonnegative() }),
    }),
  ),
});

/**
 * Reads a verbose manifest; `keyOf` gives the key of an object's address. Entries without bytes are left out, here and
 * nowhere else: a plan's hash is made of what this gives, by whoever holds a run and again by whoever approves it.
 */
export function readUnloadManifest(text: string, keyOf: (url: string) => string): StageManifest {
  const { entries } = unloadManifestSchema.parse(JSON.parse(text));
  const files = entries
    .map(({ url, meta }) => ({ key: keyOf(url), bytes: meta.content_length, rows: meta.record_count }))
    .filter((file) => file.bytes > 0);
  const sum = (of: 'bytes' | 'rows'): number => files.reduce((total, file) => total + file[of], 0);
  return { files, rows: sum('rows'), bytes: sum('bytes') };
}

/** Redshift's COPY manifest document, as we write it. */
export type CopyManifest = {
  readonly entries: readonly {
    readonly url: string;
    readonly mandatory: true;
    readonly meta: { readonly content_length: number };
  }[];
};

/** The same, read back. */
export const copyManifestSchema = z.object({
  entries: z.array(z.object({ url: z.string(), meta: z.object({ content_length: z.int().nonnegative() }) })),
});

/**
 * One line of a failure object and of a carried file; the names are the columns that COPY fills.
 * `reason` is for people and is not loaded back.
 */
export type FailureRecord = {
  readonly row_key: string;
  readonly fingerprint: string | null;
  readonly kind: 'rejected' | 'invalid' | 'dead';
  readonly code: string;
  /** Text: number of runs that have tried this key and failed. */
  readonly attempts: string;
  /** '1': not tried again before its fingerprint, the mapping or the destination's fields change. */
  readonly quarantined: '0' | '1';
  /** '1': the destination has held this key by our hand, so a delete cannot hit a foreign record. */
  readonly applied: '0' | '1';
  /** Text: the epoch in which it first failed. */
  readonly since_epoch: string;
  readonly reason: string;
};
