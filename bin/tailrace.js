#!/usr/bin/env node
// Runs the command on the Node that the project brings: TypeScript files run as they are only from Node 24 on.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const own = path.join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const current = Number(process.versions.node.split('.')[0]) >= 24;
const node = current || !existsSync(own) ? process.execPath : own;
const { status, signal } = spawnSync(
  node,
  [path.join(root, 'cli', 'tailrace.ts'), ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);
process.exitCode = status ?? (signal === null ? 1 : 130);
