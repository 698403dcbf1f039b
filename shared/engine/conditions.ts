/**
 * Conditions that several use cases put on their writes.
 */
import type { Condition } from '../ports.ts';

/** The attribute is as it was read: this number, or absent. */
export const same = (attribute: string, value: number | undefined): Condition =>
  value === undefined ? { attribute, is: 'absent' } : { attribute, is: '=', value };

export const absentOr = (attribute: string, is: '<' | '<=', value: number): Condition => ({
  any: [
    { attribute, is: 'absent' },
    { attribute, is, value },
  ],
});
