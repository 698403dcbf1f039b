/** CloudFormation: DescribeStacks, for the one stack that runs here. The bootstrap stack is not needed on a laptop. */
import { z } from 'zod';
import type { Authorizer } from '../iam/authorizer.ts';
import { action, escapeXml, queryService, type Service, ServiceError } from '../wire.ts';

export type DeployedStack = {
  readonly stackName: string;
  readonly account: string;
  readonly region: string;
  readonly outputs: Readonly<Record<string, string>>;
};

const describe = z.strictObject({ StackName: z.string() });

export function cloudformationService(stack: DeployedStack, authorizer: Authorizer): Service {
  const { stackName, account, region } = stack;
  const startedAt = new Date().toISOString();
  return queryService('cloudformation', 'http://cloudformation.amazonaws.com/doc/2010-05-15/', {
    DescribeStacks: action(describe, ({ StackName }, caller) => {
      const arn = `arn:aws:cloudformation:${region}:${account}:stack/${StackName}/local`;
      authorizer.authorize(caller, 'cloudformation:DescribeStacks', arn);
      if (StackName !== stackName)
        throw new ServiceError('ValidationError', `Stack with id ${StackName} does not exist`);
      const outputs = Object.entries(stack.outputs).map(
        ([key, value]) =>
          `<member><OutputKey>${escapeXml(key)}</OutputKey><OutputValue>${escapeXml(value)}</OutputValue></member>`,
      );
      return {
        xml: `<Stacks><member><StackName>${stackName}</StackName><StackId>${arn}</StackId><CreationTime>${startedAt}</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>${outputs.join('')}</Outputs></member></Stacks>`,
      };
    }),
  });
}
