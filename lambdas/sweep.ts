/**
 * Every minute: heals what a lost event, a crash or a closed laptop has left behind. Every few minutes it first looks what
 * a person should know of; what goes wrong with that look keeps nothing from being healed.
 */
import { sweep } from '../shared/engine/sweep.ts';
import { entry } from './entry.ts';
import { commonPorts, definitionsPort, queuePort, warehousePort } from './runtime.ts';
import { traced } from './traced.ts';
import { watching } from './watching.ts';

const watchNowAndThen = watching();

export const handler = entry(
  () => ({
    ...commonPorts(),
    definitions: definitionsPort(),
    queue: queuePort(),
    warehouse: warehousePort(),
  }),
  async (ports, _event: unknown, { requestId: owner, signal }) => {
    await watchNowAndThen(ports);
    return traced(ports.telemetry, 'sweep', {}, () => sweep(ports, { owner, signal }));
  },
);
