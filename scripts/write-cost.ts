/** Writes `docs/cost.md` for a review. A test fails when it was forgotten. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { twoAccounts } from '../infra/cost-environment.ts';
import { costText } from '../infra/cost-text.ts';
import { synthesize } from '../infra/synthesize.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-cost-'));
try {
  const { template } = synthesize({ name: 'dev', settings: twoAccounts() }, directory);
  const counted = JSON.parse(readFileSync(new URL('../infra/counted.json', import.meta.url), 'utf8'));
  writeFileSync(new URL('../docs/cost.md', import.meta.url), `${costText(template, counted)}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log('wrote docs/cost.md');
