/**
 * IAM condition blocks: the operators and keys that the template uses, and a refusal for every other one. A key
 * that we did not know would otherwise make a statement silently wider or narrower than it is on AWS.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */

/** What a request says about itself; a key that is missing does not apply to this request. */
export type RequestContext = Readonly<Record<string, string | readonly string[]>>;

export type Condition = {
  readonly set: 'all' | 'any' | undefined;
  readonly operator: string;
  readonly ifExists: boolean;
  readonly key: string;
  readonly values: readonly string[];
};

/** Every condition key that some service here fills in (or leaves out on purpose). */
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'aws:PrincipalAccount',
  'aws:PrincipalArn',
  'aws:PrincipalIsAWSService',
  'aws:PrincipalServiceName',
  'aws:RequestedRegion',
  'aws:ResourceAccount',
  'aws:SecureTransport',
  'aws:SourceAccount',
  'aws:SourceArn',
  'aws:ViaAWSService',
  'aws:userid',
  'dynamodb:Attributes',
  'dynamodb:LeadingKeys',
  'events:detail-type',
  'events:source',
  'iam:PassedToService',
  'kms:CallerAccount',
  'kms:EncryptionContext:aws:logs:arn',
  'kms:GrantIsForAWSResource',
  'kms:ViaService',
  'lambda:FunctionArn',
  'redshift-data:statement-owner-iam-userid',
  's3:TlsVersion',
  's3:if-none-match',
  's3:max-keys',
  's3:prefix',
  's3:x-amz-server-side-encryption',
  's3:x-amz-server-side-encryption-aws-kms-key-id',
  'scheduler:ScheduleGroup',
  'secretsmanager:VersionStage',
  'sts:ExternalId',
  'sts:RoleSessionName',
]);

type Test = (actual: string, wanted: string) => boolean;
const OPERATORS: Readonly<Record<string, { test: Test; negated: boolean }>> = {
  StringEquals: { test: (actual, wanted) => actual === wanted, negated: false },
  StringNotEquals: { test: (actual, wanted) => actual === wanted, negated: true },
  StringEqualsIgnoreCase: { test: (a, w) => a.toLowerCase() === w.toLowerCase(), negated: false },
  StringLike: { test: (actual, wanted) => matches(wanted, actual), negated: false },
  StringNotLike: { test: (actual, wanted) => matches(wanted, actual), negated: true },
  ArnEquals: { test: (actual, wanted) => arnMatches(wanted, actual), negated: false },
  ArnLike: { test: (actual, wanted) => arnMatches(wanted, actual), negated: false },
  ArnNotEquals: { test: (actual, wanted) => arnMatches(wanted, actual), negated: true },
  ArnNotLike: { test: (actual, wanted) => arnMatches(wanted, actual), negated: true },
  NumericLessThan: { test: (actual, wanted) => Number(actual) < Number(wanted), negated: false },
  Bool: { test: (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase(), negated: false },
};

/** A statement's `Condition`, as a list; throws an Error that names `where` for an operator or key we lack. */
export function parseConditions(block: unknown, where: string): readonly Condition[] {
  if (block === undefined) return [];
  const conditions: Condition[] = [];
  for (const [name, keys] of Object.entries(block as Record<string, Record<string, unknown>>)) {
    for (const [key, value] of Object.entries(keys)) {
      conditions.push({ ...parseOperator(name, where), key: knownKey(key, where), values: texts(value) });
    }
  }
  return conditions;
}

/** True when every condition holds for the request. */
export function conditionsHold(conditions: readonly Condition[], context: RequestContext): boolean {
  return conditions.every((condition) => holds(condition, context));
}

/** IAM's wildcards: `*` is any text, `?` one character, everything else itself. */
export function matches(pattern: string, text: string): boolean {
  if (pattern === '*' || pattern === text) return true;
  if (!/[*?]/.test(pattern)) return false;
  return wildcard(pattern).test(text);
}

const compiled = new Map<string, RegExp>();
function wildcard(pattern: string): RegExp {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
    expression = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
    compiled.set(pattern, expression);
  }
  return expression;
}

/** In an ARN operator each of the six parts matches alone, so a `*` never crosses a colon except in the last. */
function arnMatches(pattern: string, arn: string): boolean {
  const [wanted, actual] = [arnParts(pattern), arnParts(arn)];
  return wanted.length === actual.length && wanted.every((part, at) => matches(part, actual[at] ?? ''));
}
const arnParts = (arn: string): string[] => {
  const parts = arn.split(':');
  return [...parts.slice(0, 5), parts.slice(5).join(':')];
};

function parseOperator(name: string, where: string): Pick<Condition, 'set' | 'operator' | 'ifExists'> {
  const [, prefix, base = '', suffix] =
    /^(ForAllValues:|ForAnyValue:)?([A-Za-z]+?)(IfExists)?$/.exec(name) ?? [];
  if (base !== 'Null' && OPERATORS[base] === undefined)
    throw new Error(`${where}: condition operator ${name} is not implemented here`);
  const set = prefix === undefined ? undefined : prefix === 'ForAllValues:' ? 'all' : 'any';
  return { set, operator: base, ifExists: suffix !== undefined };
}

function knownKey(key: string, where: string): string {
  for (const known of KNOWN_KEYS) if (known.toLowerCase() === key.toLowerCase()) return known;
  throw new Error(`${where}: condition key ${key} is not implemented here`);
}

const texts = (value: unknown): string[] => (Array.isArray(value) ? value : [value]).map(String);

function holds(condition: Condition, context: RequestContext): boolean {
  const actual = context[condition.key];
  if (condition.operator === 'Null')
    return condition.values.some((v) => (v === 'true') === (actual === undefined));
  const operator = OPERATORS[condition.operator];
  if (operator === undefined) return false;
  const accepts = (value: string): boolean =>
    condition.values.some((wanted) => operator.test(value, expand(wanted, context))) !== operator.negated;
  if (actual === undefined) return condition.ifExists || condition.set === 'all' || operator.negated;
  const values = typeof actual === 'string' ? [actual] : actual;
  return condition.set === 'any' ? values.some(accepts) : values.every(accepts);
}

/** The one policy variable in use: `${aws:userid}`. */
function expand(text: string, context: RequestContext): string {
  return text.replaceAll(/\$\{([^}]+)\}/g, (whole, name: string) => {
    const value = context[name];
    return typeof value === 'string' ? value : whole;
  });
}
