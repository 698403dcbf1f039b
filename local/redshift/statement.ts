/** A statement of the Data API, from its submission on. */
import type { DuckDBConnection } from '@duckdb/node-api';
import type { SubmitInput } from './data-api-input.ts';
import type { SubStatement } from './run-batch.ts';

export type Statement = {
  readonly id: string;
  readonly input: SubmitInput;
  readonly subs: readonly SubStatement[];
  readonly createdAt: number;
  updatedAt: number;
  status: SubStatement['status'];
  error?: string;
  connection?: DuckDBConnection;
  /** Resolves when it has ended, however it ended. */
  readonly ended: Promise<void>;
};
