/**
 * Services take on roles of the template before anything is called: Lambda those of its functions, Redshift the one that
 * it unloads with. On AWS a function cannot even be made while its role does not trust Lambda; here the start ends.
 */
import type { Authorizer } from '../iam/authorizer.ts';
import type { Template } from '../template/template.ts';
import { attribute } from './permissions.ts';

/** Throws AccessDeniedException for a role that does not trust the service that needs it. */
export function checkTrust(template: Template, authorizer: Authorizer): void {
  for (const fn of template.ofType('AWS::Lambda::Function')) {
    const caller = {
      is: 'service',
      service: 'lambda.amazonaws.com',
      sourceArn: attribute(fn, 'Arn'),
    } as const;
    authorizer.authorizeAssume(caller, String(fn.properties.Role));
  }
  for (const role of template.ofType('AWS::IAM::Role')) {
    const trusted = JSON.stringify(role.properties.AssumeRolePolicyDocument);
    if (!trusted.includes(`"${REDSHIFT}"`)) continue;
    authorizer.authorizeAssume({ is: 'service', service: REDSHIFT, sourceArn: '' }, attribute(role, 'Arn'));
  }
}

const REDSHIFT = 'redshift.amazonaws.com';
