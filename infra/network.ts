/**
 * Functions in subnets of the user's own: where they are, and what Lambda does with their role to put them there. The
 * code itself may do none of it.
 */
import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Environment } from './settings.ts';

const INTERFACES = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:UnassignPrivateIpAddresses',
] as const;
const LOOKING = ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets'] as const;

/**
 * What Lambda needs in the role, and a Deny for calls that come from the function. The resources are those that AWS asks
 * for: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
 */
export function networkStatements(scope: Construct, { network }: Environment): iam.PolicyStatementProps[] {
  if (network === undefined) return [];
  const { partition, region, account, stackName } = Stack.of(scope);
  const functions = `arn:${partition}:lambda:${region}:${account}:function:${stackName}-*`;
  return [
    // An interface has no name before Lambda has made it.
    { actions: [...INTERFACES], resources: [`arn:${partition}:ec2:${region}:${account}:*/*`] },
    // Looking has no resource type.
    { actions: [...LOOKING], resources: ['*'] },
    {
      effect: iam.Effect.DENY,
      actions: [...INTERFACES, ...LOOKING],
      resources: ['*'],
      conditions: { ArnLike: { 'lambda:SourceFunctionArn': functions } },
    },
  ];
}

/** Ids as they were given: nothing is looked up. */
export function placeInNetwork(fn: lambda.Function, { network }: Environment): void {
  if (network === undefined) return;
  const { subnetIds, securityGroupIds } = network;
  (fn.node.defaultChild as lambda.CfnFunction).vpcConfig = { subnetIds, securityGroupIds };
}
