/**
 * A key of the user's own has the user's policy, and services that lack a statement there fail without a word: an alarm
 * that cannot encrypt is not sent. So its policy is read and held against the statements that the stack asks for.
 */
import { asked, type Check, missing, ok } from './doctor-check.ts';
import { keyPolicy } from './doctor-kms.ts';
import type { Outputs, Subject } from './doctor-subject.ts';

const OUTPUTS = ['KeyStatements', 'KeyStatementsForUnload'] as const;

/** Nothing for a key that the stack made: its policy is the stack's. */
export function checkKeyPolicy(subject: Subject, outputs: Outputs): Promise<readonly Check[]> {
  const { keyArn } = subject.settings;
  if (keyArn === undefined) return Promise.resolve([]);
  const rule = { name: 'key policy', rule: 'it holds the statements of the output KeyStatements' };
  return asked(rule, 'kms:GetKeyPolicy', async () => {
    const wanted = OUTPUTS.flatMap((name) => statementsIn(outputs[name]));
    const absent = absentStatements(await keyPolicy(subject, keyArn), wanted);
    if (absent.length === 0) return ok(rule, `${wanted.length} of ${wanted.length}`);
    return missing(
      rule,
      `without ${absent.join(', ')}`,
      `aws cloudformation describe-stacks --stack-name ${subject.stackName} --query "Stacks[0].Outputs[?starts_with(OutputKey, 'KeyStatements')].OutputValue" --output text`,
      `aws kms get-key-policy --key-id ${keyArn} --policy-name default --query Policy --output text > policy.json`,
      'Add the first to "Statement" in policy.json, then:',
      `aws kms put-key-policy --key-id ${keyArn} --policy-name default --policy file://policy.json`,
    );
  });
}

type Statement = Readonly<Record<string, unknown>>;

const statementsIn = (text: string | undefined): readonly Statement[] =>
  text === undefined ? [] : (JSON.parse(text) as Statement[]);

/** Names of the wanted statements that the policy does not have, whatever their Sid and the order of their members. */
export function absentStatements(policy: string, wanted: readonly Statement[]): readonly string[] {
  const { Statement: there = [] } = JSON.parse(policy) as { Statement?: readonly Statement[] | Statement };
  const known = new Set([there].flat().map(canonical));
  return wanted
    .filter((statement) => !known.has(canonical(statement)))
    .map((statement) => (typeof statement.Sid === 'string' ? statement.Sid : 'a statement without Sid'));
}

/** The same text for statements that mean the same: lists of one as the one, lists and members in order. */
function canonical({ Sid: _name, ...statement }: Statement): string {
  return JSON.stringify(sorted(statement));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    return items.length === 1 ? items[0] : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
