/** Writes the page of acknowledged and compensated findings for a review. A test fails when it was forgotten. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compliancePage } from '../infra/checks/compliance-page.ts';
import { assemble } from '../infra/synthesize.ts';
import type { Template } from '../infra/template.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'tailrace-compliance-'));
try {
  const one = assemble('prod', directory);
  const { templateFullPath } = one.app.synth().getStackArtifact(one.stack.artifactId);
  const template = JSON.parse(readFileSync(templateFullPath, 'utf8')) as Template;
  writeFileSync(new URL('../docs/compliance.md', import.meta.url), compliancePage(one, template));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
console.log('wrote docs/compliance.md');
