/**
 * Which function says what on the engine's bus: exactly what its use cases announce. So no function can be taken for an
 * operator, for a loader, or for whoever commits runs, but the one that is.
 */
import type { EngineEvent } from '../shared/ports.ts';

type EventType = EngineEvent['type'];
type Sender =
  | 'startRun'
  | 'reconcileSyncs'
  | 'fanOut'
  | 'finishRun'
  | 'deadLetter'
  | 'sweep'
  | 'api'
  | 'loader';

/** Every event is here: a new one needs a decision. */
const SENDERS: Readonly<Record<EventType, readonly Sender[]>> = {
  'Run Settled': ['loader', 'deadLetter'],
  // Whoever sends a run finishes it at once when it has no batches; the sweep does what any of the others left undone.
  'Run Committed': ['fanOut', 'finishRun', 'sweep', 'api'],
  'Run Held': ['fanOut', 'sweep'],
  'Run Fenced': ['reconcileSyncs', 'fanOut', 'finishRun', 'sweep', 'api'],
  'Run Failed': ['startRun', 'fanOut', 'sweep', 'api'],
  'Run Discarded': ['sweep', 'api'],
  // A run whose counts do not add up is fenced by whoever finds that, and its sync paused.
  'Sync Paused': ['fanOut', 'finishRun', 'sweep', 'api'],
  'Sync Resumed': ['reconcileSyncs', 'api'],
  'Definition Accepted': ['reconcileSyncs'],
  'Definition Refused': ['reconcileSyncs'],
  'Breaker Opened': ['loader'],
  'Breaker Closed': ['loader'],
  'Attention Changed': ['sweep'],
  'Operator Asked': ['api'],
  'Operator Answered': ['api'],
};

/** What one function may say. */
export const eventsOf = (sender: Sender): readonly EventType[] =>
  (Object.keys(SENDERS) as EventType[]).filter((type) => SENDERS[type].includes(sender));
