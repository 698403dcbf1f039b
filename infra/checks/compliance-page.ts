/**
 * `docs/compliance.md`: every acknowledged finding with its resource and reason, and what compensates for each open
 * finding of NIST 800-53 r5. Written from the constructs of one environment.
 */
import { NIST80053R5Checks } from 'cdk-nag';
import { COMPENSATING_CONTROLS, type CompensatingControl } from '../compensating-controls.ts';
import type { Template } from '../template.ts';
import { acknowledgementOf } from './acknowledged.ts';
import { type CheckedStack, type Finding, ownFindings, packFindings } from './findings.ts';
import { packs } from './plugins.ts';

/** Everything that fails synth unless it is acknowledged: the packs and our own rules. */
export const strictFindings = (one: CheckedStack, template: Template): readonly Finding[] => [
  ...packs().flatMap((pack) => packFindings(one, pack)),
  ...ownFindings(one, template),
];

/** Findings of the NIST pack: for the report only. */
export const nistFindings = (one: CheckedStack): readonly Finding[] =>
  packFindings(one, new NIST80053R5Checks()).map((found) => ({
    ...found,
    rule: found.rule.slice('NIST.800.53.R5-'.length),
  }));

/** What stands in for a control that is open; undefined when nothing does. */
export const compensationOf = (found: Pick<Finding, 'rule' | 'at'>): CompensatingControl | undefined =>
  COMPENSATING_CONTROLS.find(
    ({ rule, at }) => rule === found.rule && (at === 'everywhere' || at.includes(found.at)),
  );

/** The page as Markdown. Throws when a finding has neither reason nor compensation. */
export function compliancePage(one: CheckedStack, template: Template): string {
  const acknowledged = strictFindings(one, template).map((found) => {
    const known = acknowledgementOf(found) ?? unanswered(found);
    return [found.rule, found.at, found.detail ?? '', known.because];
  });
  const nist = Map.groupBy(nistFindings(one), (found) => {
    const { rule, instead } = compensationOf(found) ?? unanswered(found);
    return [rule, controlsOf(found), instead].join('\n');
  });
  return [
    HEAD.replace('ENVIRONMENT', one.name),
    table(
      ['Rule', 'Resource', 'Finding', 'Why it stays'],
      acknowledged.map(([rule = '', at = '', detail = '', because = '']) => [
        rule,
        code(at),
        detail === '' ? '' : code(detail),
        because,
      ]),
    ),
    NIST_HEAD,
    table(
      ['Rule', 'Controls', 'Resources', 'Instead'],
      [...nist].map(([key, found]) => {
        const [rule = '', controls = '', instead = ''] = key.split('\n');
        const resources = [...new Set(found.map(({ at }) => code(at)))].toSorted().join('<br>');
        return [rule, controls, resources, instead];
      }),
    ),
    '',
  ].join('\n');
}

const HEAD = `# Compliance

Written by \`npm run generate\` from environment \`ENVIRONMENT\`; a test fails when it is not up to date.
\`npx cdk synth\` checks every environment with cdk-nag's packs AwsSolutions and Serverless, with CloudFormation's own
validation, and with rules of our own (\`infra/checks/\`). All of them are errors. A finding is fixed in \`infra/\`, or
acknowledged for exactly one resource in \`infra/acknowledgements.ts\`; the assembly's \`validation-report.json\` lists both.
Resources are named by their constructs, destination accounts as \`*\`.

## Rules of our own

| Rule | What it refuses |
| --- | --- |
| \`ReservedConcurrency\` | a function that reserves less than its queues may use together; a queue without a maximum |
| \`VisibilityTimeout\` | a queue that hides a message for less than six times its function's timeout plus the batch window |
| \`ScheduleRetries\` | a tick that may be tried for longer than it takes until the next one comes |
| \`LastResort\` | a schedule, rule, stream, lane or asynchronous call that gives events up without keeping them |
| \`DeadLetterAlarm\` | a queue of last resort without an alarm that somebody hears |
| \`AlarmAction\` | an alarm that neither acts nor is named by a composite alarm that does |
| \`FunctionLogs\` | a function whose logs never end, end otherwise than set, or have no key |
| \`Retention\` | with \`retain\`, anything that holds state and would go with the stack, or a table that one call deletes |
| \`Wildcard\` | a \`*\` in any policy, of a role or of a resource, and a pattern in what a resource allows |

## Acknowledged findings
`;

const NIST_HEAD = `
## NIST 800-53 r5

What cdk-nag's pack for NIST 800-53 r5 finds open, and what stands in for it. A control that is not here is met, or does
not concern these resources.
`;

const code = (text: string): string => `\`${text}\``;

/** The pack ends each sentence with the controls that it is about. */
const controlsOf = ({ sentence }: Finding): string => /\(Control IDs: (.*)\)/s.exec(sentence)?.[1] ?? '';

function unanswered({ rule, at, detail, sentence }: Finding): never {
  const which = detail === undefined ? '' : ` [${detail}]`;
  throw new Error(
    `${rule}${which} at ${at}: ${sentence} Mend it, or write down why it stays in infra/acknowledgements.ts or, for NIST, what stands in for it in infra/compensating-controls.ts.`,
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...[...new Set(rows.map(line))].toSorted()].join('\n');
}
