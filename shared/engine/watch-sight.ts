/** What one look of the watch has seen: how many of each for alarms, and by name what no event of its own tells. */
import { NEEDS, type Need, type NeedKind, needKey } from '../core/attention.ts';
import type { Gauge } from '../core/metrics.ts';
import { helpFor } from '../core/run-codes.ts';
import type { Attribute, EngineEvent, Telemetry } from '../ports.ts';

/** What tells operators the name behind each gauge. A storm, which is a pause, is told by that; see `isNeed`. */
export const TOLD_BY: Readonly<Record<Gauge, EngineEvent['type']>> = {
  runs_overdue: 'Attention Changed',
  runs_held: 'Run Held',
  syncs_miscounted: 'Sync Paused',
  syncs_rejecting: 'Attention Changed',
  statements_failing: 'Run Failed',
  secrets_failing: 'Run Failed',
  definitions_refused: 'Definition Refused',
  breakers_open: 'Breaker Opened',
  budgets_starved: 'Attention Changed',
};

export type Sight = {
  /** Epoch milliseconds. */
  readonly at: number;
  /** How many of each; gauges that are zero are left out. */
  readonly gauges: Readonly<Partial<Record<Gauge, number>>>;
  /** By key. */
  readonly needs: ReadonlyMap<string, Need>;
  /** Keys of what cannot be said to be over, though it is not among the needs. */
  readonly lasting: ReadonlySet<string>;
};

/** Whom it is about, by one of the two, why, and since when if that is known. */
export type Finding = Readonly<Record<string, Attribute>> & {
  readonly syncId?: string;
  readonly account?: string;
  readonly code?: string;
  readonly at?: number;
};

export type Look = {
  found(gauge: Gauge, finding: Finding): void;
  lasts(what: NeedKind, who: string): void;
  readonly sight: Sight;
};

export function lookAround(telemetry: Telemetry, at: number): Look {
  const gauges: Partial<Record<Gauge, number>> = {};
  const needs = new Map<string, Need>();
  const lasting = new Set<string>();
  return {
    found(gauge, finding) {
      gauges[gauge] = (gauges[gauge] ?? 0) + 1;
      telemetry.log('warn', 'needs_attention', { ...finding, kind: gauge });
      if (!isNeed(gauge, finding)) return;
      const { syncId, account = '', code = 'unknown', at: since = at } = finding;
      const what = { what: gauge, code, since };
      const need = syncId === undefined ? { ...what, account } : { ...what, syncId };
      needs.set(needKey(gauge, syncId ?? account), need);
    },
    lasts: (what, who) => void lasting.add(needKey(what, who)),
    sight: { at, gauges, needs, lasting },
  };
}

const isNeed = (gauge: Gauge, { code = '' }: Finding): gauge is NeedKind =>
  NEEDS.some((what) => what === gauge) && helpFor(code) !== 'storm';
