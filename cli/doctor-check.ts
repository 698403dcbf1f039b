/**
 * One line of the doctor's report, and how a question becomes one: whatever goes wrong while asking is part of the
 * answer, never an error of the command.
 */

/** `missing`: it is not as it must be. `unknown`: it could not be found out, and why. */
export type CheckState = 'ok' | 'missing' | 'unknown';

export type Check = {
  readonly name: string;
  readonly state: CheckState;
  /** What was found. */
  readonly value: string;
  /** What must hold. */
  readonly rule: string;
  /** Commands and statements that mend it, ready to paste; empty when it is well. */
  readonly mend: readonly string[];
  /** The permission that the caller of the command lacks. */
  readonly permission?: string;
};

/** A rule with its name: what `ok`, `missing` and `unknown` say the value of. */
export type Rule = {
  readonly name: string;
  readonly rule: string;
};

export const ok = (rule: Rule, value: string): Check => ({ ...rule, state: 'ok', value, mend: [] });
export const missing = (rule: Rule, value: string, ...mend: readonly string[]): Check => ({
  ...rule,
  state: 'missing',
  value,
  mend,
});
export const unknown = (rule: Rule, value: string, ...mend: readonly string[]): Check => ({
  ...rule,
  state: 'unknown',
  value,
  mend,
});

/**
 * Asks, and judges what came. A refusal of the caller is `unknown` with the permission's name; an account that cannot
 * be reached is `unknown` with the error's.
 *
 * @param permission what the call needs of its caller, such as `sns:ListSubscriptionsByTopic`
 */
export async function asked(
  rule: Rule,
  permission: string,
  judge: () => Promise<Check | readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    const judged = await judge();
    return 'state' in judged ? [judged] : judged;
  } catch (error) {
    const name = errorName(error);
    if (!REFUSED.test(name)) return [unknown(rule, `${permission} answered ${name}`)];
    const lacked = actionIn(error) ?? permission;
    const mend = `Give your user or role ${lacked}; docs/deploying.md has the whole list.`;
    return [{ ...unknown(rule, `you may not ${lacked}`, mend), permission: lacked }];
  }
}

/** What AWS says was refused: behind one call there may be another, such as `kms:Decrypt`. */
const actionIn = (error: unknown): string | undefined =>
  error instanceof Error ? /\bperform:? ([a-z0-9-]+:[A-Za-z]+)/.exec(error.message)?.[1] : undefined;

/** How AWS's services call a refusal of the caller. */
const REFUSED =
  /^(?:AccessDenied(?:Exception)?|AuthorizationError(?:Exception)?|UnauthorizedOperation|NotAuthorized)$/;

/** The error's own name, or the code that Node gives it; never its message, which may repeat the request. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as { code?: unknown };
  return error.name === 'Error' && typeof code === 'string' ? code : error.name;
}
