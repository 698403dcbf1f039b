/**
 * The doctor's report for people: one line a check when it is well; value, rule and what mends it when it is not. As
 * wide as the terminal, names in one column; commands break only where a shell would let them.
 */
import pc from 'picocolors';
import type { Check, CheckState } from './doctor-check.ts';

const NAME_WIDTH = 17;
const MARKS: Readonly<Record<CheckState, string>> = { ok: '✓', missing: '✗', unknown: '?' };
const COLOURS: Readonly<Record<CheckState, (text: string) => string>> = {
  ok: pc.green,
  missing: pc.red,
  unknown: pc.yellow,
};
/** Narrower, and commands would be torn to pieces. */
const WIDTH_MIN = 60;
/** Wider, and the eye would lose its line. */
const WIDTH_MAX = 120;

/** The whole report; `width`: columns of the terminal. */
export function reportText(title: string, checks: readonly Check[], width: number): string {
  const columns = Math.max(WIDTH_MIN, Math.min(WIDTH_MAX, width));
  return [
    pc.bold(title),
    '',
    ...checks.flatMap((check) => checkLines(check, columns)),
    '',
    summary(checks),
  ].join('\n');
}

function checkLines(check: Check, columns: number): readonly string[] {
  const { name, state, value, rule, mend } = check;
  const room = columns - NAME_WIDTH - 2;
  const head = `${COLOURS[state](MARKS[state])} ${name.padEnd(NAME_WIDTH)}`;
  const indent = ' '.repeat(NAME_WIDTH + 2);
  if (state === 'ok') {
    const fits = value.length + rule.length + 3 <= room;
    const lines = fits ? [`${value} ${pc.dim(`· ${rule}`)}`] : [...wrapped(value, room), pc.dim(`· ${rule}`)];
    return lines.map((line, at) => `${at === 0 ? head : indent}${line}`);
  }
  const [first = '', ...more] = wrapped(`${state}: ${value}`, room);
  return [
    `${head}${COLOURS[state](first)}`,
    ...more.map((line) => `${indent}${COLOURS[state](line)}`),
    ...wrapped(`rule: ${rule}`, room).map((line) => `${indent}${pc.dim(line)}`),
    ...mend.flatMap((step) => stepLines(step, columns - MEND_INDENT.length)),
  ];
}

const MEND_INDENT = '    ';
const ARROW = '  → ';
const SHELL = /^(?:(?:aws|npx|npm|export) |[A-Z]+=)/;

/** A command is indented little and is never cut inside of an option's value, so that it can be pasted. */
function stepLines(step: string, room: number): readonly string[] {
  if (!SHELL.test(step)) {
    return wrapped(step, room).map((line, at) => `${at === 0 ? ARROW : MEND_INDENT}${line}`);
  }
  const parts = step.split(/ (?=--[a-z])/);
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + part.length + 3 <= room)
      lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return lines.map((line, at) => {
    const end = at < lines.length - 1 ? ' \\' : '';
    return `${at === 0 ? ARROW : `${MEND_INDENT}  `}${pc.cyan(line)}${end}`;
  });
}

/** Words in lines of at most `room`; a longer word stands alone. */
function wrapped(text: string, room: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 1 <= room)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function summary(checks: readonly Check[]): string {
  const count = (state: CheckState): number => checks.filter((check) => check.state === state).length;
  const [well, bad, open] = [count('ok'), count('missing'), count('unknown')];
  if (bad + open === 0) return pc.green(`All ${well} checks are well.`);
  const said = [
    `${well} ok`,
    ...(bad > 0 ? [`${bad} missing`] : []),
    ...(open > 0 ? [`${open} unknown`] : []),
  ];
  return `${said.join(', ')}.`;
}
