/** Stage `local` on the local stack with one vendor, so that a doctor has something to look at. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { environments } from '../../infra/environments.ts';
import type { EnvironmentSettings } from '../../infra/settings.ts';
import { synthesize } from '../../infra/synthesize.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';

export type DoctorStack = {
  readonly stack: LocalStack;
  /** The command finds the stack from here. */
  readonly folder: string;
  /** What the vendor answers from now on. */
  answer(status: number): void;
  close(): Promise<void>;
};

export async function startDoctorStack(): Promise<DoctorStack> {
  let status = 200;
  const vendor = createServer((request, response) => {
    request
      .resume()
      .on('end', () => response.writeHead(status, { 'content-type': 'application/json' }).end());
  });
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  const { port } = vendor.address() as AddressInfo;
  const folder = mkdtempSync(path.join(tmpdir(), 'tailrace-doctor-'));
  const assembly = path.join(folder, 'cdk.out');
  const { stackName } = synthesize({ name: 'local', settings: withVendor(port) }, assembly);
  const stack = await startStack({
    assembly,
    stackName,
    dataDir: path.join(folder, '.tailrace', 'local'),
    secrets: { 'tailrace/local/crm': { token: 'a-secret-value' } },
  });
  return {
    stack,
    folder,
    answer: (next) => {
      status = next;
    },
    async close() {
      await stack.stop();
      vendor.closeAllConnections();
      vendor.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

function withVendor(port: number): EnvironmentSettings {
  const { local } = environments;
  assert.ok(local);
  const account = {
    name: 'crm',
    destination: 'http',
    settings: { url: `http://127.0.0.1:${port}/crm`, auth: { by: 'bearer' } },
    rate: { requests: 100, perMs: 1000 },
    requestRowsMax: 200,
    allow: [{ host: '127.0.0.1', port }],
  };
  return { ...local, accounts: [account] };
}
