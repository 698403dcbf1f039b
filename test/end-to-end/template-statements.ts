/** A template's text without one statement, named as the local stack's usage names it. */

type Json = Record<string, unknown>;
type Resource = { readonly Type: string; readonly Properties: Json };

/** Where the documents of a resource are; a permission to invoke is a statement in itself. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  'AWS::IAM::Policy': 'PolicyDocument',
  'AWS::IAM::ManagedPolicy': 'PolicyDocument',
  'AWS::SQS::QueuePolicy': 'PolicyDocument',
  'AWS::S3::BucketPolicy': 'PolicyDocument',
  'AWS::SNS::TopicPolicy': 'PolicyDocument',
  'AWS::SecretsManager::ResourcePolicy': 'ResourcePolicy',
  'AWS::KMS::Key': 'KeyPolicy',
};

/** Throws when there is no such statement, so that nothing passes for removed that is still there. */
export function withoutStatement(template: string, statement: string): string {
  const parsed = JSON.parse(template) as { Resources: Record<string, Resource> };
  const [, place = '', index = ''] = /^([\w.]+)\[(\d+)\]/.exec(statement) ?? [];
  const [id = '', trust] = place.split('.');
  const resource = parsed.Resources[id];
  if (resource === undefined) throw new Error(`the template has no ${id}`);
  if (resource.Type === 'AWS::Lambda::Permission') {
    delete parsed.Resources[id];
    return JSON.stringify(parsed);
  }
  const name = trust ?? DOCUMENTS[resource.Type];
  const document = resource.Properties[name ?? ''] as { Statement: unknown[] } | undefined;
  if (document?.Statement[Number(index)] === undefined) throw new Error(`the template has no ${statement}`);
  document.Statement.splice(Number(index), 1);
  return JSON.stringify(parsed);
}
