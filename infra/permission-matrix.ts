/**
 * Who may do what to which resource under which condition, read off a synthesized template and written as tables for a
 * review. Names are those of the constructs, so that the text changes only when a permission does.
 */
import type { Template, TemplateResource } from './synthesize.ts';

/** The whole page as Markdown. */
export function permissionMatrix(environment: string, template: Template): string {
  const names = namesOf(template);
  const policies = entriesOf(template).filter(([, { Type }]) => Type === 'AWS::IAM::Policy');
  const roles = entriesOf(template).filter(([, { Type }]) => Type === 'AWS::IAM::Role');
  const trusts = roles.flatMap(([id, { Properties }]) =>
    rowsOf(document(Properties?.AssumeRolePolicyDocument), names).map((row) => [nameIn(names, id), ...row]),
  );
  const resourceRows = RESOURCE_POLICIES.flatMap(({ type, property, of }) =>
    entriesOf(template)
      .filter(([, { Type }]) => Type === type)
      .flatMap(([id, { Properties = {} }]) => {
        const target = of === undefined ? nameIn(names, id) : text(first(Properties[of]), names);
        return rowsOf(document(Properties[property]), names).map((row) => [target, ...row]);
      }),
  );
  return [
    `${HEAD.replace('ENVIRONMENT', environment)}\n## What each role may do\n`,
    table(
      ['Role', 'Actions', 'Resources', 'Only when'],
      policies.flatMap(([, { Properties = {} }]) => {
        const role = text(first(Properties.Roles), names);
        return rowsOf(document(Properties.PolicyDocument), names).map(([, , ...row]) => [role, ...row]);
      }),
    ),
    '\n## Who may take on a role\n',
    table(['Role', 'Effect', 'Who', 'Actions', 'Resources', 'Only when'], trusts),
    '\n## What resources say themselves\n',
    table(['Resource', 'Effect', 'Who', 'Actions', 'On', 'Only when'], resourceRows),
    '\n## What may call a function\n',
    table(['Function', 'Who', 'Only from'], callersOf(template, names)),
  ].join('\n');
}

const HEAD = `# Permissions

Written by \`npm run generate\` from the template of environment \`ENVIRONMENT\`; a test fails when it is not
up to date. One role per function; names are those of the constructs under \`infra/\`. A statement that is not here does
not exist. Wildcards and their reasons: \`docs/compliance.md\`.
`;

const RESOURCE_POLICIES: readonly { type: string; property: string; of?: string }[] = [
  { type: 'AWS::SQS::QueuePolicy', property: 'PolicyDocument', of: 'Queues' },
  { type: 'AWS::S3::BucketPolicy', property: 'PolicyDocument', of: 'Bucket' },
  { type: 'AWS::SNS::TopicPolicy', property: 'PolicyDocument', of: 'Topics' },
  { type: 'AWS::SecretsManager::ResourcePolicy', property: 'ResourcePolicy', of: 'SecretId' },
  { type: 'AWS::Events::EventBusPolicy', property: 'Statement', of: 'EventBusName' },
  { type: 'AWS::KMS::Key', property: 'KeyPolicy' },
];

type Names = ReadonlyMap<string, string>;
type Statement = Readonly<Record<string, unknown>>;

const entriesOf = (template: Template): [string, TemplateResource][] =>
  Object.entries(template.Resources).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** The statements of a document; a bus has single statements instead of one. */
const document = (value: unknown): readonly Statement[] =>
  typeof value === 'object' && value !== null && 'Effect' in value
    ? [value as Statement]
    : ((value as { Statement?: readonly Statement[] } | undefined)?.Statement ?? []);

const nameIn = (names: Names, id: string): string => names.get(id) ?? id;

/** Logical id -> the same without the hash that the CDK appends; with it where two would be called alike. */
function namesOf(template: Template): Names {
  const ids = Object.keys(template.Resources);
  const short = (id: string): string => id.replace(/[0-9A-F]{8}$/, '');
  const times = Map.groupBy(ids, short);
  return new Map(ids.map((id) => [id, times.get(short(id))?.length === 1 ? short(id) : id]));
}

/** Effect, who, actions, resources, conditions; in that order in every table. */
function rowsOf(statements: readonly Statement[], names: Names): string[][] {
  return statements.map(({ Effect, Principal, Action, Resource, Condition }) => [
    String(Effect),
    principals(Principal, names),
    lines(Action, names),
    lines(Resource, names),
    conditions(Condition, names),
  ]);
}

const list = (value: unknown): unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
const first = (value: unknown): unknown => list(value)[0];
const lines = (value: unknown, names: Names): string =>
  list(value)
    .map((one) => code(text(one, names)))
    .toSorted()
    .join('<br>');
const code = (value: string): string => `\`${value}\``;

function principals(value: unknown, names: Names): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value === '*' ? 'everybody' : code(value);
  return Object.values(value as object)
    .map((one) => (one === '*' ? 'everybody' : lines(one, names)))
    .join('<br>');
}

function conditions(value: unknown, names: Names): string {
  return Object.entries((value ?? {}) as Record<string, Record<string, unknown>>)
    .flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, wanted]) => `${key} ${operator} ${lines(wanted, names)}`),
    )
    .join(' and<br>');
}

function callersOf(template: Template, names: Names): string[][] {
  return entriesOf(template)
    .filter(([, { Type }]) => Type === 'AWS::Lambda::Permission')
    .map(([, { Properties = {} }]) => [
      text(Properties.FunctionName, names),
      code(text(Properties.Principal, names)),
      code(text(Properties.SourceArn, names)),
    ]);
}

/** A value with its references by name; attributes other than an ARN are said. */
function text(value: unknown, names: Names): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, operand] = ['', undefined]] = Object.entries(value);
  if (name === 'Ref') return operand === 'AWS::Partition' ? 'aws' : nameIn(names, String(operand));
  if (name === 'Fn::GetAtt') {
    const [id, attribute] = operand as [string, string];
    return nameIn(names, id) + (attribute === 'Arn' ? '' : ` (${attribute})`);
  }
  if (name === 'Fn::Join') {
    const [separator, parts] = operand as [string, readonly unknown[]];
    return parts.map((part) => text(part, names)).join(separator);
  }
  return JSON.stringify(value);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const seen = new Set(rows.map(line));
  return [line(head), line(head.map(() => '---')), ...[...seen].toSorted()].join('\n');
}
