/**
 * Text templates of definitions: LiquidJS with what reads files, the clock or chance taken out, and with limits.
 * A template is compiled once per definition; a row renders it. Tags and filters are an allow-list: what is not
 * named here does not exist, so a new version of LiquidJS adds nothing by itself.
 */
import { Liquid, LiquidError, type Template as LiquidTemplate } from 'liquidjs';
import { Fault } from './fault.ts';
import {
  TEMPLATE_CHARACTERS_MAX,
  TEMPLATE_MEMORY_MAX,
  TEMPLATE_OUTPUT_CHARACTERS_MAX,
  TEMPLATE_RENDER_MS_MAX,
} from './limits.ts';

export const TEMPLATE_TAGS: readonly string[] = [
  ...['assign', 'capture', 'case', 'comment', 'echo', 'for', 'break', 'continue', 'if', 'raw', 'unless', '#'],
];

export const TEMPLATE_FILTERS: readonly string[] = [
  ...[
    'abs',
    'at_least',
    'at_most',
    'ceil',
    'divided_by',
    'floor',
    'minus',
    'modulo',
    'plus',
    'round',
    'times',
  ],
  ...['append', 'capitalize', 'downcase', 'lstrip', 'prepend', 'remove', 'remove_first', 'remove_last'],
  ...['replace', 'replace_first', 'replace_last', 'rstrip', 'slice', 'split', 'squish', 'strip', 'upcase'],
  ...['strip_newlines', 'strip_html', 'truncate', 'truncatewords', 'normalize_whitespace'],
  ...['escape', 'escape_once', 'xml_escape', 'newline_to_br', 'url_encode', 'url_decode', 'cgi_escape'],
  ...['uri_escape', 'slugify', 'base64_encode', 'base64_decode', 'json', 'default', 'to_integer'],
  ...['compact', 'concat', 'first', 'join', 'last', 'map', 'reverse', 'size', 'sort', 'sort_natural', 'sum'],
  ...['uniq', 'where'],
];

/** Renders one row's text; throws a `row` Fault, `template_failed` or `template_output_too_long`. */
export type Template = (scope: Readonly<Record<string, unknown>>) => string;

/** What `templateFlaw` found: the stable code, and LiquidJS' own words about where. */
export type TemplateFlaw = {
  readonly code: 'template_does_not_parse' | 'template_tag_forbidden' | 'template_filter_unknown';
  readonly message: string;
  /** The tag or filter that is not there. */
  readonly name?: string;
};

const engine = restricted(
  new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    strictVariables: false,
    jsTruthy: false,
    cache: false,
    templates: {},
    parseLimit: TEMPLATE_CHARACTERS_MAX,
    renderLimit: TEMPLATE_RENDER_MS_MAX,
    memoryLimit: TEMPLATE_MEMORY_MAX,
  }),
);

/** Parses; throws a `config` Fault with the flaw's code when it cannot. */
export function compileTemplate(text: string): Template {
  const parsed = parse(text);
  if ('code' in parsed) throw new Fault('config', parsed.code, parsed.message);
  const { templates } = parsed;
  const plain = plainParts(text);
  return (scope) => {
    const output = (plain && joined(plain, scope)) ?? render(templates, scope);
    if (output.length <= TEMPLATE_OUTPUT_CHARACTERS_MAX) return output;
    throw new Fault('row', 'template_output_too_long', `over ${TEMPLATE_OUTPUT_CHARACTERS_MAX} characters`);
  };
}

/** What is wrong with a template, or undefined when nothing is. */
export function templateFlaw(text: string): TemplateFlaw | undefined {
  const parsed = parse(text);
  return 'code' in parsed ? parsed : undefined;
}

/** The model columns that a template reads, each once, in order of first use; none when it does not parse. */
export function templateVariables(text: string): readonly string[] {
  const parsed = parse(text);
  return 'code' in parsed ? [] : engine.globalVariablesSync(parsed.templates);
}

function parse(text: string): { readonly templates: LiquidTemplate[] } | TemplateFlaw {
  try {
    return { templates: engine.parse(text) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return flawOf(LiquidError.is(error) ? error.message : 'it is too long or nested too deeply');
  }
}

function flawOf(message: string): TemplateFlaw {
  const tag = /tag "([^"]{0,80})" not found/.exec(message)?.[1];
  if (tag !== undefined && !isInner(tag)) return { code: 'template_tag_forbidden', message, name: tag };
  const filter = /undefined filter: ([^\s,]{0,80})/.exec(message)?.[1];
  if (filter !== undefined) return { code: 'template_filter_unknown', message, name: filter };
  return { code: 'template_does_not_parse', message };
}

/** A part of a block that was never opened, which LiquidJS calls an unknown tag. */
const isInner = (tag: string): boolean => tag.startsWith('end') || ['else', 'elsif', 'when'].includes(tag);

function render(templates: LiquidTemplate[], scope: Readonly<Record<string, unknown>>): string {
  try {
    return engine.renderSync(templates, scope) as string;
  } catch (error) {
    // LiquidJS' message may quote a value of the row, so only its kind is kept.
    throw new Fault('row', 'template_failed', error instanceof Error ? error.name : 'error');
  }
}

type Part = { readonly text: string } | { readonly name: string };

/** Text and bare columns and nothing else, the usual template: put together without LiquidJS, ten times as fast. */
const PLAIN = /^(?:[^{}]|\{\{ *[a-z_]\w* *\}\})*$/i;
const PLACE = /\{\{ *([a-z_]\w*) *\}\}/gi;
/** Names that LiquidJS reads as values or operators. */
const WORDS = new Set(['true', 'false', 'nil', 'null', 'empty', 'blank', 'and', 'or', 'not', 'contains']);

function plainParts(text: string): readonly Part[] | undefined {
  if (!PLAIN.test(text)) return undefined;
  const parts = text.split(PLACE).map((part, index) => (index % 2 === 0 ? { text: part } : { name: part }));
  return parts.some((part) => 'name' in part && WORDS.has(part.name)) ? undefined : parts;
}

/** Undefined when a value is neither text, a number, true or false, nor null: LiquidJS knows how to print it. */
function joined(parts: readonly Part[], scope: Readonly<Record<string, unknown>>): string | undefined {
  let output = '';
  for (const part of parts) {
    const value = 'text' in part ? part.text : (scope[part.name] ?? '');
    if (typeof value === 'object' || typeof value === 'function') return undefined;
    output += value;
  }
  return output;
}

function restricted(liquid: Liquid): Liquid {
  for (const tag of Object.keys(liquid.tags)) if (!TEMPLATE_TAGS.includes(tag)) delete liquid.tags[tag];
  for (const filter of Object.keys(liquid.filters)) {
    if (!TEMPLATE_FILTERS.includes(filter)) delete liquid.filters[filter];
  }
  return liquid;
}
