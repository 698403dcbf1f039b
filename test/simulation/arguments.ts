/**
 * What `npm run sim` is asked for. Whatever would make it play nothing, or something else than was asked, is refused: a
 * run that reports no violation must have looked.
 */
import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName } from './fault-rates.ts';

export type Asked = { readonly isJson: boolean } & (
  | { readonly is: 'seeds'; readonly from: number; readonly seeds: number; readonly minutes: number }
  | {
      readonly is: 'seed';
      readonly seed: number;
      readonly without: ReadonlySet<FaultName>;
      /** Faults at most; undefined: all. */
      readonly most: number | undefined;
    }
  | { readonly is: 'mutations' }
  | { readonly is: 'crash-pairs'; readonly every: number }
);

/** Throws an Error that says what is wrong with the arguments. */
export function readArguments(args: readonly string[]): Asked {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const isJson = values.json ?? false;
  const modes = (['seed', 'mutations', 'crash-pairs'] as const).filter((name) => values[name] !== undefined);
  const [is = 'seeds'] = modes;
  if (modes.length > 1) throw new Error(`--${modes.join(' and --')} do not go together`);
  for (const name of Object.keys(values)) {
    const isOwn = name === 'json' || name === is || OWN[is].includes(name);
    if (!isOwn) throw new Error(`--${name} says nothing with ${is === 'seeds' ? 'many seeds' : `--${is}`}`);
  }
  const number = (name: Numbered, least: number, otherwise: number): number =>
    values[name] === undefined ? otherwise : whole(name, values[name], least);
  if (is === 'mutations') return { is, isJson };
  if (is === 'crash-pairs') return { is, isJson, every: number('every', 1, 1) };
  if (is === 'seed') {
    const most = values.most === undefined ? undefined : whole('most', values.most, 0);
    return { is, isJson, seed: number('seed', 0, 0), without: faultNames(values.without), most };
  }
  const minutes = values.minutes === undefined ? Number.POSITIVE_INFINITY : time(values.minutes);
  return { is, isJson, from: number('from', 0, 1), seeds: number('seeds', 1, 1000), minutes };
}

type Numbered = 'seeds' | 'from' | 'seed' | 'every';

const OPTIONS = {
  seeds: { type: 'string' },
  minutes: { type: 'string' },
  from: { type: 'string' },
  seed: { type: 'string' },
  without: { type: 'string' },
  most: { type: 'string' },
  mutations: { type: 'boolean' },
  'crash-pairs': { type: 'boolean' },
  every: { type: 'string' },
  json: { type: 'boolean' },
} as const;

const OWN: Readonly<Record<Asked['is'], readonly string[]>> = {
  seeds: ['seeds', 'minutes', 'from'],
  seed: ['without', 'most'],
  mutations: [],
  'crash-pairs': ['every'],
};

function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  throw new Error(`--${name} ${JSON.stringify(text)}: a whole number from ${least} on is needed`);
}

function time(text: string): number {
  const minutes = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && minutes > 0) return minutes;
  throw new Error(`--minutes ${JSON.stringify(text)}: a number above 0 is needed`);
}

function faultNames(text = ''): ReadonlySet<FaultName> {
  const names = text.split(',').filter((name) => name !== '');
  const isFault = (name: string): name is FaultName => FAULT_NAMES.some((each) => each === name);
  const unknown = names.filter((name) => !isFault(name));
  if (unknown.length === 0) return new Set(names.filter(isFault));
  throw new Error(`--without ${unknown.join(',')}: no such fault; there are ${FAULT_NAMES.join(', ')}`);
}
