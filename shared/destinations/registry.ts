/**
 * Every destination there is. Adding one: a file, a line here, a golden file, a page.
 */
import { Fault } from '../core/fault.ts';
import type { AnyDestination } from './destination.ts';
import { http } from './http.ts';
import { postgres } from './postgres.ts';

const REGISTERED: readonly AnyDestination[] = [http, postgres];

export const destinationNames: readonly string[] = REGISTERED.map(({ name }) => name);

/** The destination of that name; throws a `config` Fault `destination_unknown`. */
export function destinationNamed(name: string): AnyDestination {
  const found = REGISTERED.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  throw new Fault('config', 'destination_unknown', `there is no destination named ${name.slice(0, 40)}`, {
    remedy: `Use one of: ${destinationNames.join(', ')}.`,
    path: 'destination',
  });
}
