/** Who calls a local service. */
export type Caller =
  | { readonly is: 'operator' }
  /** `label` is the function's logical id: what a person looks for in the template. */
  | {
      readonly is: 'role';
      readonly roleArn: string;
      readonly label: string;
      /** Name of the session of a role that was taken on; a function's own is its label. */
      readonly session?: string;
    }
  | { readonly is: 'service'; readonly service: string; readonly sourceArn: string };
