/** Which findings are acknowledged: exactly those of the list, by rule, construct and detail. No pattern, no prefix. */
import { ACKNOWLEDGEMENTS, type Acknowledgement } from '../acknowledgements.ts';
import type { Finding } from './findings.ts';

/** The entry that covers a finding, or undefined when it is open. */
export function acknowledgementOf(
  found: Pick<Finding, 'rule' | 'at' | 'detail'>,
  list: readonly Acknowledgement[] = ACKNOWLEDGEMENTS,
): Acknowledgement | undefined {
  return list.find(
    ({ rule, at, details }) =>
      rule === found.rule &&
      at.includes(found.at) &&
      (found.detail === undefined ? details === undefined : details?.includes(found.detail)),
  );
}
