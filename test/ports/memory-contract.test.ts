/** The in-memory ports under the contract that the real adapters pass too. */
import { memoryObjects } from '../memory/memory-objects.ts';
import { memoryQueue } from '../memory/memory-queue.ts';
import { memoryState } from '../memory/memory-state.ts';
import { seededRandom } from '../memory/seeded.ts';
import { virtualClock } from '../memory/virtual-clock.ts';
import { objectsContract } from './contract-objects.ts';
import { queueContract } from './contract-queue.ts';
import { stateContract } from './contract-state.ts';

const close = async (): Promise<void> => undefined;

stateContract('memory', async () => ({ state: memoryState(), close }));

objectsContract('memory', async () => ({ objects: memoryObjects(), close }));

queueContract('memory', async () => {
  const queue = memoryQueue(virtualClock(), seededRandom(1), 1000, ['crm']);
  return {
    queue,
    account: 'crm',
    received: async (lane) => {
      const deliveries = queue.receive('crm', lane, 1000, 1000);
      for (const delivery of deliveries) queue.delete(delivery);
      return deliveries.map((delivery) => delivery.message);
    },
    close,
  };
});
