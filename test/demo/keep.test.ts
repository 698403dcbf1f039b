/** The line that `npm start -- --keep` prints for failed rows shows them, where the local S3 keeps what the engine wrote. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { failuresCommand } from '../../local/demo/keep.ts';
import { openObjectFiles } from '../../local/services/object-files.ts';
import { failureObjectKey } from '../../shared/core/names.ts';

test('failed rows are found by the line that says so', async (t) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tailrace-keep-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const files = openObjectFiles(path.join(dataDir, 's3'));
  const key = failureObjectKey('customers-to-crm', 12, { shard: 0, ordinal: 3 }, '0cd6f78de72a82cd', 1);
  await files.put('staging', key, Buffer.from('{"row_key":"7","reason":"no"}\n'));
  const shown = execFileSync('sh', ['-c', failuresCommand(dataDir, 'staging', 'customers-to-crm')]);
  assert.equal(shown.toString(), '{"row_key":"7","reason":"no"}\n');
});
