/** STS: AssumeRole hands out keys that stand for the role; GetCallerIdentity says who asks. */
import { z } from 'zod';
import type { Authorizer } from '../iam/authorizer.ts';
import { action, escapeXml, queryService, type Service } from '../wire.ts';

const assume = z.strictObject({
  RoleArn: z.string(),
  RoleSessionName: z.string(),
  DurationSeconds: z.coerce.number().int().min(900).max(43_200).default(3600),
});

export function stsService(authorizer: Authorizer, account: string): Service {
  return queryService('sts', 'https://sts.amazonaws.com/doc/2011-06-15/', {
    AssumeRole: action(assume, (input, caller) => {
      authorizer.authorizeAssume(caller, input.RoleArn, { 'sts:RoleSessionName': input.RoleSessionName });
      const label = caller.is === 'role' ? caller.label : 'operator';
      const key = authorizer.accessKeyFor(input.RoleArn, label, input.RoleSessionName);
      const expires = new Date(Date.now() + input.DurationSeconds * 1000).toISOString();
      const session = `${input.RoleArn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${input.RoleSessionName}`;
      return {
        xml: `<Credentials><AccessKeyId>${key}</AccessKeyId><SecretAccessKey>local</SecretAccessKey><SessionToken>local</SessionToken><Expiration>${expires}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROALOCAL:${escapeXml(input.RoleSessionName)}</AssumedRoleId><Arn>${escapeXml(session)}</Arn></AssumedRoleUser>`,
      };
    }),
    GetCallerIdentity: action(z.strictObject({}), (_input, caller) => {
      const arn = caller.is === 'role' ? caller.roleArn : `arn:aws:iam::${account}:user/operator`;
      return { xml: `<Arn>${escapeXml(arn)}</Arn><UserId>local</UserId><Account>${account}</Account>` };
    }),
  });
}
