/** The environment's own event bus. Details carry ids, codes and counts, never row values. */
import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { Fault } from '../core/fault.ts';
import type { Events } from '../ports.ts';
import { awsCall } from './aws-fault.ts';

/** Source of every event that the engine publishes. */
export const EVENT_SOURCE = 'tailrace';

/** The events port; throws a `transient` Fault when the bus did not take the event. */
export function busEvents(client: EventBridgeClient, bus: string): Events {
  return {
    publish: async ({ type, detail }) => {
      const entry = {
        EventBusName: bus,
        Source: EVENT_SOURCE,
        DetailType: type,
        Detail: JSON.stringify(detail),
      };
      const command = new PutEventsCommand({ Entries: [entry] });
      const { FailedEntryCount = 0 } = await awsCall('PutEvents on the bus', () => client.send(command));
      if (FailedEntryCount > 0) {
        throw new Fault('transient', 'event_not_taken', `the bus did not take the event ${type}`);
      }
    },
  };
}
