/** From the signs of trouble to what is told of each: the only part that reads failure records. */
import type { Trouble } from '../core/owner-message.ts';
import type { Ports } from '../ports.ts';
import type { OwnerFacts, Sign } from './notify-owner-facts.ts';
import { countFailures } from './notify-owner-failures.ts';

export type TroublePorts = Pick<Ports, 'objects' | 'telemetry'>;

export async function troublesOf(
  ports: TroublePorts,
  facts: OwnerFacts,
  signs: readonly Sign[],
): Promise<readonly Trouble[]> {
  const troubles: Trouble[] = [];
  for (const { is } of signs) troubles.push(await troubleOf(ports, facts, is));
  return troubles;
}

async function troubleOf(ports: TroublePorts, facts: OwnerFacts, is: Sign['is']): Promise<Trouble> {
  const { sync, status, uncommitted } = facts;
  const { epoch, hold } = sync;
  switch (is) {
    case 'held':
      return { is, epoch, hold: hold ?? { planHash: '', reasons: [], until: 0 } };
    case 'paused':
      return { is, code: sync.paused?.code ?? '' };
    case 'stopped':
      return { is, epoch, code: uncommitted?.code ?? '' };
    case 'refused':
      return { is, version: status?.version ?? 0, faults: status?.faults ?? [] };
    case 'rows':
      return rowsOf(ports, facts);
  }
}

async function rowsOf(ports: TroublePorts, { sync, accepted, committed }: OwnerFacts): Promise<Trouble> {
  const { failures, snapshotEpoch: epoch } = sync;
  const { counts, extraction } = committed ?? {};
  if (failures === null || accepted === undefined) {
    const { rejected = 0, invalid = 0, dead = 0 } = counts ?? {};
    const rows = Math.max(rejected + invalid + dead, failures?.count ?? 0);
    const unkeyed = extraction?.nullKeys ?? 0;
    return { is: 'rows', epoch, rows, reasons: [], isPartial: false, unkeyed, manifest: undefined };
  }
  const unkeyed = extraction?.nullKeys ?? 0;
  const { reasons, rows, isPartial } = await countFailures(ports, accepted.sync, failures);
  return {
    is: 'rows',
    epoch,
    // A batch that was delivered twice has two records of a row: the set may hold too much, never too little.
    rows: (isPartial ? Math.max(rows, failures.count) : rows) + unkeyed,
    reasons,
    isPartial,
    unkeyed,
    manifest: ports.objects.url(failures.manifest),
  };
}
