/** The in-memory ports under the contracts that the real adapters pass too (`local-contract.test.ts`). */
import { awsScheduleExpression } from '../../shared/core/schedule.ts';
import { memoryDefinitions } from '../memory/memory-definitions.ts';
import { memoryObjects } from '../memory/memory-objects.ts';
import { memoryEvents, memorySchedules } from '../memory/memory-outside.ts';
import { type Delivery, memoryQueue } from '../memory/memory-queue.ts';
import { memoryState } from '../memory/memory-state.ts';
import { seededRandom } from '../memory/seeded.ts';
import { virtualClock } from '../memory/virtual-clock.ts';
import { definitionsContract } from './contract-definitions.ts';
import { eventsContract } from './contract-events.ts';
import { objectsContract } from './contract-objects.ts';
import { queueContract, RECEIVES_MAX, type Taken } from './contract-queue.ts';
import { schedulesContract } from './contract-schedules.ts';
import { stateContract } from './contract-state.ts';
import { lossy } from './lossy.ts';

const close = async (): Promise<void> => undefined;

stateContract('memory', async () => {
  const { port: state, loseNextAnswer } = lossy(memoryState());
  return { state, loseNextAnswer, close };
});

objectsContract('memory', async () => {
  const { port: objects, loseNextAnswer } = lossy(memoryObjects());
  return { objects, loseNextAnswer, close };
});

definitionsContract('memory', async () => {
  const { port: definitions, loseNextAnswer } = lossy(memoryDefinitions());
  return {
    definitions,
    loseNextAnswer,
    write: async (syncId, item) => definitions.write(syncId, item),
    erase: async (syncId) => definitions.erase(syncId),
    close,
  };
});

schedulesContract('memory', async () => {
  const { port: schedules, loseNextAnswer } = lossy(memorySchedules());
  return {
    schedules,
    loseNextAnswer,
    found: async (syncId) => {
      const kept = schedules.kept.get(syncId);
      if (kept === undefined) return undefined;
      const { expression, timezone } = awsScheduleExpression(kept.schedule);
      return `${expression} ${timezone} ${kept.enabled ? 'ENABLED' : 'DISABLED'}`;
    },
    close,
  };
});

eventsContract('memory', async () => {
  const { port: events, loseNextAnswer } = lossy(memoryEvents());
  return { events, loseNextAnswer, published: async () => events.published, close };
});

queueContract('memory', async () => {
  const clock = virtualClock();
  const memory = memoryQueue(clock, seededRandom(1), RECEIVES_MAX, ['crm']);
  const { port: queue, loseNextAnswer } = lossy(memory);
  const taken = (delivery: Delivery): Taken => ({
    message: delivery.message,
    receiveCount: delivery.receiveCount,
    remove: async () => memory.delete(delivery),
    hide: async (ms) => memory.setVisibility(delivery, ms),
  });
  return {
    queue,
    account: 'crm',
    loseNextAnswer,
    refuse: (match) => {
      memory.refuse = match ?? (() => false);
    },
    received: async (lane) => {
      const deliveries = memory.receive('crm', lane, 1000, 1000);
      for (const delivery of deliveries) memory.delete(delivery);
      return deliveries.map((delivery) => delivery.message);
    },
    consumer: {
      take: async (lane, max, visibilityMs) => memory.receive('crm', lane, max, visibilityMs).map(taken),
      takeDead: async () => memory.receiveDead('crm', 10, 1000).map(({ message }) => message),
      pass: async (ms) => clock.runUntil(clock.now() + ms),
    },
    close,
  };
});
