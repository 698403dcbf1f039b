/**
 * Deploys while messages are under way. The former code sends and reads what the engine has today; the code after the
 * deploy sends a version of its own, which only exists here, and reads both. The fan-out is deployed before the
 * loaders, and a deploy is sometimes taken back.
 */
import {
  type BatchMessage,
  batchMessageSchema,
  MESSAGE_FORMATS,
  type MessageFormat,
} from '../../shared/core/message.ts';
import { after, MINUTE_MS, type World } from './world.ts';

export type Code = 'former' | 'present';
/** What sends messages, and what reads them. */
export type Deployed = { senders: Code; loaders: Code };

const FORMER = MESSAGE_FORMATS;
const PRESENT: Readonly<Record<number, MessageFormat>> = {
  ...FORMER,
  2: (value) => {
    const { syncId, epoch, batch } = value as { syncId: string; epoch: number; batch: [number, number] };
    return batchMessageSchema.safeParse({ v: 1, syncId, epoch, shard: batch[0], ordinal: batch[1] }).data;
  },
};

export const formatsOf = ({ loaders }: Deployed) => (loaders === 'former' ? FORMER : PRESENT);

export function bodyOf({ senders }: Deployed, message: BatchMessage): string {
  if (senders === 'former') return JSON.stringify(message);
  const { syncId, epoch, shard, ordinal } = message;
  return JSON.stringify({ v: 2, syncId, epoch, batch: [shard, ordinal] });
}

/** Environments at rest are gone, those at work end as they are. */
export function deploy(world: World): void {
  const { deployed, random } = world;
  world.frozen.clear();
  deployed.senders = 'present';
  after(world, random.below(2 * MINUTE_MS), () => {
    deployed.loaders = deployed.senders;
    return false;
  });
  if (random.chance(0.7)) return;
  after(world, random.below(8 * MINUTE_MS), () => {
    if (!world.isQuiet) Object.assign(deployed, { senders: 'former', loaders: 'former' });
    return false;
  });
}
