/**
 * Whether a destination account would take rows: its secret is there, and its destination's own read-only check passes
 * for each place that syncs write to. Names of the secret's members are told, values never.
 */
import { asFault, Fault } from '../core/fault.ts';
import type { BoundDestination } from '../ports.ts';

export type AccountFinding = {
  readonly is: 'ok' | 'failed' | 'unclear';
  readonly code?: string;
  /** Names, or the Fault's message. */
  readonly value: string;
  readonly remedy?: string;
};

export type AccountFindings = {
  readonly account: string;
  readonly destination: string;
  readonly secret: AccountFinding;
  readonly targets: readonly (AccountFinding & { readonly object: string })[];
};

export type Target = { readonly object: string; readonly options: Readonly<Record<string, unknown>> };

/** Asks one after the other: a check is no reason for a burst at a vendor. */
export async function checkAccount(
  account: { readonly name: string; readonly destination: string },
  bound: BoundDestination,
  input: { readonly targets: readonly Target[]; readonly signal: AbortSignal },
): Promise<AccountFindings> {
  // A kept secret would hide that there is a new one, or none any more.
  bound.forgetSecret();
  const context = bound.context(input.signal);
  const secret = await attempt(async () => namesOf(await context.secret()));
  const targets: (AccountFinding & { readonly object: string })[] = [];
  for (const { object, options } of input.targets) {
    const found = await attempt(async () => {
      const target = bound.destination.target.safeParse({ object, ...options });
      if (!target.success) {
        throw new Fault(
          'config',
          'target_invalid',
          target.error.issues[0]?.message ?? 'the target does not fit',
        );
      }
      await bound.destination.check(context, target.data);
      return object;
    });
    targets.push({ ...found, object });
  }
  return { account: account.name, destination: account.destination, secret, targets };
}

/** Members' names as an operator wrote them; what does not look like a name may be a value in the wrong place. */
const namesOf = (secret: Readonly<Record<string, unknown>>): string =>
  Object.keys(secret)
    .map((name) => (/^[A-Za-z][A-Za-z_]{0,29}$/.test(name) ? name : '(an odd name)'))
    .toSorted()
    .join(', ');

async function attempt(act: () => Promise<string>): Promise<AccountFinding> {
  try {
    return { is: 'ok', value: await act() };
  } catch (error) {
    const { kind, code, message, remedy } = asFault(error);
    return {
      is: kind === 'transient' ? 'unclear' : 'failed',
      code,
      value: message,
      ...(remedy === undefined ? {} : { remedy }),
    };
  }
}
