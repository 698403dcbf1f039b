/**
 * Chaos made small: processes of the deployed shape are killed and paused, the vendor's answers broken, and nothing is lost.
 * By command there is more of it: `npm run chaos`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type ChaosReport, type ChaosSettings, FAULT_SHARES, runChaos } from '../../local/chaos/chaos.ts';

const isWindows = process.platform === 'win32';
const skip = isWindows ? 'there are no signals to pause a process by' : false;

async function chaos(settings: Partial<ChaosSettings>): Promise<{ report: ChaosReport; told: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-chaos-'));
  const lines: string[] = [];
  try {
    const report = await runChaos({
      seed: 1,
      kills: 0,
      longPauses: 0,
      rows: 60,
      faults: {},
      // Far above what it takes: the machine may be busy with other tests.
      restMs: 240_000,
      dataDir: folder,
      told: (line) => void lines.push(line),
      ...settings,
    });
    return { report, told: [...lines, JSON.stringify(report.checks)].join('\n') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('killed and paused processes, broken answers: the destination holds what the model says', {
  skip,
}, async () => {
  const { report, told } = await chaos({ kills: 3, longPauses: 2, faults: FAULT_SHARES });
  assert.deepEqual(
    report.checks.filter(({ ok }) => !ok),
    [],
    told,
  );
  assert.ok(report.ok);
  const { environments, services, everything } = report.struck.kills;
  assert.deepEqual({ environments, services, everything }, { environments: 3, services: 2, everything: 1 });
  // Two of them longer than any lease, one of each; the plan's own test says so.
  assert.deepEqual(report.struck.pauses, { environments: 2, services: 1 });
  const missed = Object.entries(report.faults).filter(([, times]) => times === 0);
  assert.deepEqual(missed, [], 'the proxy has cut, delayed and truncated, each in each way');
  assert.equal(report.struck.kills.inCall, 2, told);
  assert.ok(
    report.suspected.withoutPoint + report.suspected.byPoint > 0,
    `somebody suspected that the killed loader crashed\n${told}`,
  );
  assert.ok(report.runs.committed >= 3, 'every sync has committed');
});
