/**
 * A function's work on one run, as its log shows it: a line when it begins, one when it ends, and the run's id on every
 * line in between, so that one run can be followed through all functions by one filter, `run = "<sync>/<epoch>"`.
 */
import type { LambdaTelemetry, Subject } from '../shared/aws/powertools-telemetry.ts';

/** The function, in the words of docs/protocol.md. */
export type Step =
  | 'start_run'
  | 'fan_out'
  | 'load_batch'
  | 'finish_run'
  | 'dead_letter'
  | 'reconcile'
  | 'sweep'
  | 'api';

/** What a result may say of itself; everything else stays out of the log. */
type Result = {
  readonly is?: string;
  readonly code?: string;
  readonly epoch?: number;
  readonly afterMs?: number;
  readonly looked?: number;
  readonly failed?: number;
};

/**
 * Gives what `work` gives. When it throws, whoever logs the fault does so with this subject still named.
 *
 * @param end what the last line says; of the result, when it has the words for it
 */
export async function traced<R extends object>(
  telemetry: LambdaTelemetry,
  step: Step,
  subject: Subject,
  work: () => Promise<R>,
  end: (result: R) => Result = (result) => result as Result,
): Promise<R> {
  telemetry.about(subject);
  telemetry.log('info', `${step}_begun`, {});
  const begunAt = performance.now();
  const result = await work();
  const { is, code, epoch, afterMs, looked, failed } = end(result);
  // Which run it is may be known only now: starting makes its epoch.
  if (epoch !== undefined) telemetry.about({ ...subject, epoch });
  const said = Object.entries({ is, code, afterMs, looked, failed }).filter(
    ([, value]) => value !== undefined,
  );
  const durationMs = Math.round(performance.now() - begunAt);
  telemetry.log('info', `${step}_ended`, { ...Object.fromEntries(said), durationMs });
  return result;
}
