/** Who may say what on the engine's bus: nobody else can be taken for an operator, or for a loader. */
import type { EngineEvent } from '../shared/ports.ts';

type EventType = EngineEvent['type'];
type Sender = 'engine' | 'loader' | 'operator';

/** Every event is here: a new one needs a decision. `engine`: whoever moves runs on or reads definitions. */
const SENDERS: Readonly<Record<EventType, readonly Sender[]>> = {
  'Run Settled': ['engine', 'loader'],
  'Run Committed': ['engine'],
  'Run Held': ['engine'],
  'Run Fenced': ['engine'],
  'Run Failed': ['engine'],
  'Run Discarded': ['engine'],
  'Sync Paused': ['engine'],
  'Sync Resumed': ['engine'],
  'Definition Accepted': ['engine'],
  'Definition Refused': ['engine'],
  'Breaker Opened': ['loader'],
  'Breaker Closed': ['loader'],
  'Operator Asked': ['operator'],
  'Operator Answered': ['operator'],
};

const sentBy = (sender: Sender): readonly EventType[] =>
  (Object.keys(SENDERS) as EventType[]).filter((type) => SENDERS[type].includes(sender));

export const ENGINE_EVENTS = sentBy('engine');
export const LOADER_EVENTS = sentBy('loader');
export const OPERATOR_EVENTS = sentBy('operator');
