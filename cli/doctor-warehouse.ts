/**
 * The warehouse as the engine's own role finds it: findings of the api function's verb `check`, each with its rule and
 * the grant or command that mends it. The statements are those of docs/deploying.md.
 */
import { refusalOf } from '../shared/warehouse/check-sql.ts';
import { deploy } from './doctor-account.ts';
import type { Finding } from './doctor-ask.ts';
import { type Check, missing, ok, type Rule, unknown } from './doctor-check.ts';
import type { Outputs, Subject } from './doctor-subject.ts';

export type WarehouseNeeds = {
  /** Some accepted definition keeps a snapshot. */
  readonly engineSchema: boolean;
};

/** What does not depend on a definition, in the order that it was asked. */
export function judgeWarehouse(
  subject: Subject,
  outputs: Outputs,
  needs: WarehouseNeeds,
  findings: readonly Finding[],
): readonly Check[] {
  return findings.flatMap((finding) => {
    const judge = JUDGES[finding.check];
    return judge === undefined ? [] : [judge({ subject, outputs, needs, finding })];
  });
}

type Case = {
  readonly subject: Subject;
  readonly outputs: Outputs;
  readonly needs: WarehouseNeeds;
  readonly finding: Finding;
};

const JUDGES: Readonly<Partial<Record<Finding['check'], (found: Case) => Check>>> = {
  tables: (found) =>
    plain(found, { name: 'key', rule: 'the functions can use tables and key' }, 'both tables answer', [
      deploy(found.subject),
      ...(found.subject.settings.keyArn === undefined
        ? []
        : ['The policy of your key must let IAM policies of its account decide.']),
    ]),
  connection: (found) =>
    plain(
      found,
      { name: 'warehouse', rule: 'reached by the Data API' },
      `connected as ${found.finding.value}`,
      connectionMend(found.subject),
    ),
  statement_timeout: judgeTimeout,
  temporary_tables: (found) =>
    plain(found, { name: 'temporary tables', rule: 'every extraction works in them' }, 'can be made', [
      `GRANT TEMPORARY ON DATABASE ${found.subject.settings.warehouse.database} TO "${userOf(found.outputs)}";`,
    ]),
  engine_schema: judgeEngineSchema,
  unload: (found) => {
    const rule = { name: 'unload', rule: 'Redshift writes the stage by its role' };
    if (found.finding.is === 'unused') return ok(rule, 'not used: rows are paged');
    return plain(found, rule, 'one row written', roleMend(found));
  },
  copy: (found) =>
    plain(
      found,
      { name: 'copy', rule: 'Redshift reads the stage by its role' },
      'the row read back',
      roleMend(found),
    ),
};

/** The words of the finding, or those for when it is well. */
function plain({ finding }: Case, rule: Rule, well: string, mend: readonly string[]): Check {
  if (finding.is === 'ok') return ok(rule, well);
  const said = plainly(finding.value);
  return finding.is === 'unclear' ? unknown(rule, said) : missing(rule, said, ...mend);
}

/** The warehouse begins every complaint with the same word, and may end it with a copy of the line. */
const plainly = (text: string): string => text.replace(/^ERROR:\s*/, '').replace(/\s*LINE \d+: .*$/s, '');

function connectionMend(subject: Subject): readonly string[] {
  const { warehouse } = subject.settings;
  const look =
    warehouse.kind === 'serverless'
      ? `aws redshift-serverless get-workgroup --workgroup-name ${warehouse.workgroup}`
      : `aws redshift describe-clusters --cluster-identifier ${warehouse.cluster}`;
  return [look, 'Compare name, id and database with infra/environments.ts, then:', deploy(subject)];
}

/** A first sync of a large model takes longer than any ordinary statement; Redshift counts in milliseconds. */
const TIMEOUT_MS_MIN = 3_600_000;

function judgeTimeout({ finding, outputs }: Case): Check {
  const rule = { name: 'timeout', rule: 'no limit, or an hour at least' };
  const ms = Number(finding.value);
  if (ms === 0) return ok(rule, 'none for statements');
  const value = `${ms / 1000} s`;
  return ms >= TIMEOUT_MS_MIN
    ? ok(rule, value)
    : missing(rule, value, `ALTER USER "${userOf(outputs)}" SET statement_timeout TO 0;`);
}

function judgeEngineSchema({ subject, outputs, needs, finding }: Case): Check {
  const { schema } = subject.settings.warehouse;
  const rule = { name: 'engine schema', rule: 'writable, for diff, clear and delete' };
  if (finding.is === 'ok') return ok(rule, schema);
  if (finding.is === 'unclear') return unknown(rule, plainly(finding.value));
  if (!needs.engineSchema) return ok(rule, `${schema} is not writable; no sync needs it`);
  const user = userOf(outputs);
  const mend =
    refusalOf(finding.value) === 'absent'
      ? `CREATE SCHEMA ${schema} AUTHORIZATION "${user}";`
      : `GRANT USAGE, CREATE ON SCHEMA ${schema} TO "${user}";`;
  return missing(rule, plainly(finding.value), mend);
}

function roleMend({ subject, outputs, finding }: Case): readonly string[] {
  const role = outputs.UnloadRole ?? '<UnloadRole>';
  switch (refusalOf(finding.value)) {
    case 'role_not_trusted':
      return [
        ...attach(subject, role),
        `GRANT ASSUMEROLE ON '${role}' TO "${userOf(outputs)}" FOR UNLOAD, COPY;`,
      ];
    case 'bucket_refused':
    case 'key_refused':
      return [
        deploy(subject),
        ...(subject.settings.keyArn === undefined
          ? []
          : ['Put the output KeyStatementsForUnload into the policy of your key.']),
      ];
    default:
      return attach(subject, role);
  }
}

function attach({ settings: { warehouse } }: Subject, role: string): readonly string[] {
  if (warehouse.kind === 'provisioned') {
    return [
      `aws redshift modify-cluster-iam-roles --cluster-identifier ${warehouse.cluster} --add-iam-roles ${role}`,
    ];
  }
  // The list replaces the one that is there, so that one is read first; zsh splits what a command says, and no variable.
  return [
    `NAMESPACE=$(aws redshift-serverless get-workgroup --workgroup-name ${warehouse.workgroup} --query workgroup.namespaceName --output text)`,
    `ATTACHED=$(aws redshift-serverless get-namespace --namespace-name "$NAMESPACE" --query namespace.iamRoles --output text | grep -o 'arn:[^,)[:space:]]*')`,
    `aws redshift-serverless update-namespace --namespace-name "$NAMESPACE" --iam-roles $(echo "$ATTACHED") ${role}`,
  ];
}

/** The database user that Redshift derives from the role. */
const userOf = ({ WarehouseRole = '<WarehouseRole>' }: Outputs): string => `IAMR:${WarehouseRole}`;

/** The rule of all models together. */
export const MODELS: Rule = { name: 'models', rule: 'each can be read and has its columns' };

/** One line when all are well, one for each that is not. */
export function judgeModels(outputs: Outputs, findings: readonly Finding[]): readonly Check[] {
  if (findings.length === 0) return [ok(MODELS, 'none yet')];
  const bad = findings.filter(({ is }) => is !== 'ok');
  if (bad.length === 0) return [ok(MODELS, `${findings.length} of ${findings.length}`)];
  return bad.map(({ syncId = '', is, value }) => {
    const told = `${syncId}: ${plainly(value)}`;
    return is === 'unclear'
      ? unknown(MODELS, told)
      : missing(MODELS, told, ...modelMend(outputs, value, syncId));
  });
}

function modelMend(outputs: Outputs, said: string, syncId: string): readonly string[] {
  const user = userOf(outputs);
  const inSchema = /permission denied for schema "?([\w$-]+)"?/i.exec(said)?.[1];
  if (inSchema !== undefined) {
    return [
      `GRANT USAGE ON SCHEMA ${inSchema} TO "${user}";`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${inSchema} TO "${user}";`,
    ];
  }
  const relation = /permission denied for (?:relation|table|view) "?([\w$.-]+)"?/i.exec(said)?.[1];
  if (relation !== undefined) return [`GRANT SELECT ON <its schema>.${relation} TO "${user}";`];
  return [`Mend the model, then: npx tailrace push <the file of ${syncId}>`];
}
