/** A synthesized CloudFormation template as JSON, and the questions that checks ask of it. */

export type Template = {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>;
};
export type TemplateResource = {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
};

/** A resource with its logical id and its properties at hand. */
export type Part = {
  readonly id: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: properties are JSON of any shape, and checks look deep into it
  readonly properties: any;
  readonly resource: TemplateResource;
};

/** All resources, or those of the given types. */
export function partsOf(template: Template, ...types: readonly string[]): readonly Part[] {
  return Object.entries(template.Resources)
    .filter(([, { Type }]) => types.length === 0 || types.includes(Type))
    .map(([id, resource]) => ({ id, type: resource.Type, properties: resource.Properties ?? {}, resource }));
}

/** Whether a value has a `Ref` or `Fn::GetAtt` to the resource anywhere inside. */
export function refersTo(value: unknown, { id }: { readonly id: string }): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if ('Ref' in value && value.Ref === id) return true;
  if ('Fn::GetAtt' in value && [value['Fn::GetAtt']].flat()[0] === id) return true;
  return Object.values(value).some((inner) => refersTo(inner, { id }));
}

/** One or several, as CloudFormation allows both. */
export const listOf = (value: unknown): readonly unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
