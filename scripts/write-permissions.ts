/** Writes the matrix of permissions for a review. A test fails when it was forgotten. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { permissionMatrix } from '../infra/permission-matrix.ts';
import { synthesize } from '../infra/synthesize.ts';

const ENVIRONMENT = 'prod';
const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-permissions-'));
try {
  const { template } = synthesize(ENVIRONMENT, directory);
  writeFileSync(
    new URL('../docs/permissions.md', import.meta.url),
    `${permissionMatrix(ENVIRONMENT, template)}\n`,
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log('wrote docs/permissions.md');
