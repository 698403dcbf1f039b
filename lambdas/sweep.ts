/** Every minute: heals what a lost event, a crash or a closed laptop has left behind. */
import { sweep } from '../shared/engine/sweep.ts';
import { entry } from './entry.ts';
import { commonPorts, definitionsPort, queuePort, warehousePort } from './runtime.ts';

export const handler = entry(
  () => ({
    ...commonPorts(),
    definitions: definitionsPort(),
    queue: queuePort(),
    warehouse: warehousePort(),
  }),
  (ports, _event: unknown, { requestId: owner, signal }) => sweep(ports, { owner, signal }),
);
