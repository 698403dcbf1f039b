/**
 * `kms:GetKeyPolicy`, signed by the signer that every client of the SDK has: one question is no reason for another
 * client among the dependencies.
 */
import { STSClient } from '@aws-sdk/client-sts';
import type { Subject } from './doctor-subject.ts';

/** The key's policy as it is kept, JSON. Throws an Error by the name of the service's own. */
export async function keyPolicy({ clients, endpoint, settings }: Subject, keyArn: string): Promise<string> {
  const { region } = settings.aws;
  const url = new URL(
    endpoint ?? `https://kms.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`,
  );
  const body = JSON.stringify({ KeyId: keyArn, PolicyName: 'default' });
  const headers = await signed(clients.sts, region, url, body);
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.timeout(WAIT_MS_MAX),
  });
  const answer = (await response.json()) as { readonly Policy?: string; readonly __type?: string };
  if (answer.Policy !== undefined) return answer.Policy;
  const name = answer.__type?.split('#').at(-1) ?? `HTTP${response.status}`;
  throw Object.assign(new Error(name), { name });
}

const WAIT_MS_MAX = 10_000;

/** A client of its own for the credentials: signing for another service sets the client's service for good. */
async function signed(
  sts: STSClient,
  region: string,
  url: URL,
  body: string,
): Promise<Record<string, string>> {
  const { credentials } = sts.config;
  const { config } = new STSClient({ region, credentials });
  const signer = await config.signer({
    name: 'sigv4',
    signingName: 'kms',
    signingRegion: region,
    properties: {},
  });
  const request = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    query: {},
    headers: {
      host: url.host,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'TrentService.GetKeyPolicy',
    },
    body,
  });
  return request.headers;
}
