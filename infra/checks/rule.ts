/** What a rule of our own is: a question to a synthesized template, answered with one sentence per thing to mend. */
import type { Environment } from '../settings.ts';
import type { Template } from '../template.ts';

export type Checked = {
  readonly template: Template;
  readonly environment: Environment;
};

export type Broken = {
  /** Logical id of the resource to mend. */
  readonly at: string;
  /** Which one, for a rule that can be broken several times by one resource. */
  readonly detail?: string;
  /** What is wrong, what would happen, what to do. */
  readonly sentence: string;
};

export type Rule = {
  readonly name: string;
  readonly broken: (checked: Checked) => Iterable<Broken>;
};
