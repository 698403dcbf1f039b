/** The loader alone: staged bytes in, requests out, one batch after the other. */
import { bindDestination } from '../shared/destinations/bind.ts';
import { loadBatch } from '../shared/engine/load-batch.ts';
import type { LoaderPorts } from '../shared/ports.ts';
import { ACCOUNT, beParty, type PartySettings, partyPorts } from './party.ts';

const DEADLINE_MS = 60_000;

await beParty(async (settings) => {
  const ports = loaderPorts(settings);
  const { signal } = new AbortController();
  for (const message of settings.messages ?? []) {
    const receivedAt = Date.now();
    const input = { message, receiveCount: 1, receivedAt, deadlineAt: receivedAt + DEADLINE_MS, signal };
    const result = await loadBatch(ports, input);
    if (result.is !== 'done') throw new Error(`a batch came back: ${result.code}`);
  }
  return { rows: 0, messages: [] };
});

function loaderPorts(settings: PartySettings): LoaderPorts {
  const common = partyPorts(settings);
  const allow = [{ host: '127.0.0.1', port: settings.sinkPort }];
  const destination = bindDestination({
    account: { ...ACCOUNT, settings: { url: `http://127.0.0.1:${settings.sinkPort}` }, allow },
    fetchSecret: async () => ({}),
    clock: common.clock,
  });
  return { ...common, account: ACCOUNT, destination };
}
