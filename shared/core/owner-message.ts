/**
 * What the owner of a sync is told, in plain words: what is not delivered and why, where the full list lies, what waits
 * for an approval, what is wrong with an edit, and when all is well again. No row value, no row key, no vendor's words.
 */
import type { DefinitionFault } from './fault.ts';
import { OWNER_REASONS_MAX, OWNER_SUBJECT_CHARACTERS_MAX } from './limits.ts';
import { definitionRule, type FailureReason, plainPath, reasonText, stopText } from './owner-words.ts';
import type { Hold } from './run.ts';

/** What one sync needs a person for. */
export type Trouble =
  | {
      readonly is: 'rows';
      readonly epoch: number;
      /** Rows that are not at the destination. */
      readonly rows: number;
      /** Largest first; empty when the records could not be read. */
      readonly reasons: readonly FailureReason[];
      /** The reasons are counted from the first records only. */
      readonly isPartial: boolean;
      /** Of them without a key: counted, and nothing to find them by. */
      readonly unkeyed: number;
      /** `s3://...`, COPY's manifest that names the failure records. */
      readonly manifest: string | undefined;
    }
  | { readonly is: 'held'; readonly epoch: number; readonly hold: Hold }
  | { readonly is: 'paused'; readonly code: string }
  | { readonly is: 'stopped'; readonly epoch: number; readonly code: string }
  | { readonly is: 'refused'; readonly version: number; readonly faults: readonly DefinitionFault[] };

export type OwnerMessage = {
  readonly subject: string;
  readonly text: string;
  /** For filter policies: `owner` (absent where nobody is named), `syncId`, `environment`, `kind`. */
  readonly attributes: Readonly<Record<string, string>>;
};

/** Whom and what a message is about. */
export type About = {
  readonly environment: string;
  readonly syncId: string;
  readonly owner: string | undefined;
};

/** A message about everything that the sync needs a person for now; `troubles` is not empty. */
export function troubleMessage(about: About, troubles: readonly Trouble[]): OwnerMessage {
  const parts = troubles.map((trouble) => PARTS[trouble.is](about, trouble as never));
  const text = [
    `Sync ${about.syncId} of environment ${about.environment} needs you.`,
    ...parts.map(({ lines }) => lines.join('\n')),
    FOOT,
  ].join('\n\n');
  return message(about, parts[0]?.title ?? '', troubles[0]?.is ?? '', text);
}

/** All that the owner was told of is over. */
export function healedMessage(
  about: About,
  healed: { readonly epoch: number; readonly hadRows: boolean; readonly unkeyed: boolean },
): OwnerMessage {
  const { syncId } = about;
  const since =
    healed.epoch === 0 ? 'it has not run yet' : `its last run (${healed.epoch}) left no row behind`;
  const said = healed.hadRows
    ? `All rows of sync ${syncId} are delivered again: run ${healed.epoch} left none behind.`
    : `Sync ${syncId} works again; ${since}.`;
  const unkeyed = healed.unkeyed
    ? '\n\nRows without a key were among those that you were told of. They were never sent, nothing names them, and a run by cursor looks at a row again only when it changes: look for empty key columns in the model.'
    : '';
  const title = healed.hadRows ? 'all rows are delivered again' : 'works again';
  return message(about, title, 'healed', `${said}${unkeyed}`);
}

const FOOT =
  'You are told of trouble at most once an hour for each sync, once a day while it stays the same, and when all is well again.';

function message(about: About, title: string, kind: string, text: string): OwnerMessage {
  const { environment, syncId, owner } = about;
  return {
    subject: `[${environment}] ${syncId}: ${title}`.slice(0, OWNER_SUBJECT_CHARACTERS_MAX),
    text: `${text}\n`,
    attributes: { ...(owner === undefined ? {} : { owner }), syncId, environment, kind },
  };
}

type Part = { readonly title: string; readonly lines: readonly string[] };
type Of<Is extends Trouble['is']> = Extract<Trouble, { is: Is }>;

const PARTS: { readonly [Is in Trouble['is']]: (about: About, trouble: Of<Is>) => Part } = {
  rows: rowsPart,
  held: heldPart,
  paused: (about, { code }) => ({
    title: 'the sync is paused',
    lines: [
      `The sync is paused: ${stopText(code)} (${code}). No run starts.`,
      ...commands(about, ['status', ''], ['resume', '']),
    ],
  }),
  stopped: (about, { epoch, code }) => ({
    title: `run ${epoch} could not be made`,
    lines: [
      `Run ${epoch} ended before it was done: ${stopText(code)} (${code}). What is at the destination stays; the next run tries again.`,
      ...commands(about, ['status', '']),
    ],
  }),
  refused: refusedPart,
};

function rowsPart(about: About, trouble: Of<'rows'>): Part {
  const { rows, reasons, isPartial, unkeyed, epoch, manifest } = trouble;
  const are = rows === 1 ? '1 row is' : `${rows} rows are`;
  const width = String(reasons[0]?.rows ?? 0).length;
  return {
    title: `${rows} ${rows === 1 ? 'row' : 'rows'} not delivered`,
    lines: [
      `${are} not at the destination after run ${epoch}${reasons.length === 0 ? '.' : ':'}`,
      ...reasons
        .slice(0, OWNER_REASONS_MAX)
        .map((reason) => `  ${String(reason.rows).padStart(width)}  ${reasonText(reason)}`),
      ...(reasons.length > OWNER_REASONS_MAX ? ['  and others, for further reasons'] : []),
      ...(isPartial ? ['  counted from the first records only; the list has all of them'] : []),
      ...(unkeyed > 0 ? [`Of them without a key, so that nothing can name them: ${unkeyed}.`] : []),
      'Mend the model or the definition; later runs send the values that the warehouse holds then.',
      'A row that the destination rejected is tried again when it or the definition’s fields have changed.',
      ...(manifest === undefined ? [] : [LIST, `  aws s3 cp ${manifest} -`]),
      ...commands(about, ['status', '']),
    ],
  };
}

const LIST =
  'The full list, a line for each row with its key, code and reason, is in the files that this manifest names:';

function heldPart(about: About, { epoch, hold }: Of<'held'>): Part {
  return {
    title: `run ${epoch} waits for your approval`,
    lines: [
      `Run ${epoch} is held until ${minute(hold.until)} and nothing of it has been sent:`,
      ...hold.reasons.map(({ message: words, code }) => `  - ${words} (${code})`),
      'Look at it, then let it go on or end it; without an answer it ends by itself and nothing moves.',
      ...commands(about, ['status', ''], ['approve', ` ${hold.planHash}`], ['discard', ` ${hold.planHash}`]),
    ],
  };
}

function refusedPart(about: About, { version, faults }: Of<'refused'>): Part {
  const runs = version === 0 ? 'no version of it runs' : `version ${version} keeps running`;
  return {
    title: 'the definition was refused',
    lines: [
      `The last edit of the definition was refused; ${runs}:`,
      ...faults.slice(0, OWNER_REASONS_MAX).map(({ path, code }) => {
        const where = plainPath(path);
        return `  - ${where === '' ? 'the definition' : where}: ${definitionRule(code)} (${code})`;
      }),
      ...(faults.length > OWNER_REASONS_MAX ? [`  and ${faults.length - OWNER_REASONS_MAX} more`] : []),
      ...commands(about, ['status', '']),
    ],
  };
}

const commands = ({ syncId, environment }: About, ...words: (readonly [string, string])[]): string[] =>
  words.map(([verb, more]) => `  npx tailrace ${verb} ${syncId}${more} --env ${environment}`);

const minute = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
