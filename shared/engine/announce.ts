/**
 * Tells the world. An event that cannot be published never breaks a run: everything that must happen is decided
 * from state, and the sweep finds what an event should have started.
 */
import { asFault } from '../core/fault.ts';
import type { EngineEvent, Ports } from '../ports.ts';

export async function announce(
  ports: Pick<Ports, 'events' | 'telemetry'>,
  type: EngineEvent['type'],
  detail: EngineEvent['detail'],
): Promise<void> {
  try {
    await ports.events.publish({ type, detail });
  } catch (error) {
    ports.telemetry.log('warn', 'event_not_published', { type, fault: asFault(error).code });
  }
}
