/** What a message to operators is made of, before it is text. */
export type Said = {
  readonly title: string;
  readonly why?: readonly string[];
  /** All of `why` is shown: whoever wrote it has left out what is too much. */
  readonly isShort?: true;
  /** Commands of `tailrace`. */
  readonly look?: readonly string[];
  /** Headings of the runbook; nothing to be done when it is left out. */
  readonly runbook?: string | readonly string[];
};
