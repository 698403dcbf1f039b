/** Who may say what on the engine's bus: nobody else can be taken for an operator, or for a loader. */
import type { EngineEvent } from '../shared/ports.ts';

type Types = readonly EngineEvent['type'][];

export const LOADER_EVENTS: Types = ['Run Settled', 'Breaker Opened', 'Breaker Closed'];

export const OPERATOR_EVENTS: Types = ['Operator Asked', 'Operator Answered'];

export const ENGINE_EVENTS: Types = [
  'Run Settled',
  'Run Committed',
  'Run Held',
  'Run Fenced',
  'Run Failed',
  'Run Discarded',
  'Sync Paused',
  'Sync Resumed',
  'Definition Accepted',
  'Definition Refused',
];
