/**
 * Services take on roles of the template before anything is called: Lambda those of its functions, Redshift the one that
 * it unloads with. On AWS a function cannot even be made while its role does not trust Lambda; here the start ends.
 */
import type { Authorizer } from '../iam/authorizer.ts';
import type { Resource, Template } from '../template/template.ts';
import { attribute } from './permissions.ts';

/** Throws AccessDeniedException for a role that does not trust the service that needs it. */
export function checkTrust(template: Template, authorizer: Authorizer, place: WarehousePlace): void {
  for (const fn of template.ofType('AWS::Lambda::Function')) {
    const caller = {
      is: 'service',
      service: 'lambda.amazonaws.com',
      sourceArn: attribute(fn, 'Arn'),
    } as const;
    authorizer.authorizeAssume(caller, String(fn.properties.Role));
  }
  const role = attachedRole(template);
  if (role === undefined) return;
  const redshift = { is: 'service', service: REDSHIFT, sourceArn: '' } as const;
  authorizer.authorizeAssume(redshift, attribute(role, 'Arn'), {
    'sts:ExternalId': databaseUser(template, place),
  });
}

export type WarehousePlace = {
  readonly region: string;
  readonly account: string;
  readonly workgroupId: string;
};

/**
 * As Redshift names the user of a statement to IAM: here always the one that comes from the warehouse role.
 * https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html
 */
function databaseUser(template: Template, { region, account, workgroupId }: WarehousePlace): string {
  const user = `IAMR:${template.outputs.WarehouseRole}`;
  return `arn:aws:redshift:${region}:${account}:dbuser:serverless-${account}-${workgroupId}/${user}`;
}

const REDSHIFT = 'redshift.amazonaws.com';

/**
 * The role that somebody who deploys attaches to the warehouse: the output `UnloadRole` tells them which. A template without
 * that output has it in the role that trusts Redshift. Undefined: the warehouse has no role.
 */
export function attachedRole(template: Template): Resource | undefined {
  const { UnloadRole: told } = template.outputs;
  const roles = template.ofType('AWS::IAM::Role');
  if (told !== undefined) return roles.find((role) => attribute(role, 'Arn') === told);
  return roles.find(({ properties }) =>
    JSON.stringify(properties.AssumeRolePolicyDocument).includes(`"${REDSHIFT}"`),
  );
}
