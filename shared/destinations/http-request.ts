/**
 * What one request of the `http` destination looks like: method, URL and body, from the target and the rows.
 */
import { Fault } from '../core/fault.ts';
import type { Operation, Row, Value } from '../core/row.ts';
import type { WriteRequest } from './destination.ts';
import type { HttpBody, HttpSettings, HttpTarget } from './http-settings.ts';

export type RequestPlan = {
  readonly method: string;
  readonly path: string;
  readonly body: HttpBody;
  /** The path names one record, so the status of the answer is about that record. */
  readonly namesRecord: boolean;
};

const METHOD: Readonly<Record<Operation, string>> = {
  insert: 'POST',
  upsert: 'POST',
  update: 'PATCH',
  delete: 'DELETE',
};

/** What the target says for an operation. Throws `config` Fault `single_needs_one_row` when the rows do not fit it. */
export function requestPlan(target: HttpTarget, request: WriteRequest): RequestPlan {
  const own = target.operations?.[request.operation];
  const path = own?.path ?? target.path ?? '{object}';
  const body = own?.body ?? target.body ?? 'rows';
  const namesRecord = path.includes('{match}') || path.includes('{key}');
  if (request.rows.length !== 1 && (namesRecord || body === 'single' || body === 'none')) {
    throw new Fault(
      'config',
      'single_needs_one_row',
      `a request for one record was asked to carry ${request.rows.length} rows`,
      { remedy: "Set requestRowsMax: 1 in the account's settings.", path: 'destination.options.body' },
    );
  }
  const method = own?.method ?? target.method ?? METHOD[request.operation];
  return { method, path, body, namesRecord };
}

/**
 * The full URL, each parameter encoded as one part of the path. Undefined when the row's own value cannot be a part
 * of a path (empty, `.` or `..`); a `config` Fault `path_refused` when the definition's cannot.
 */
export function requestUrl(
  settings: Pick<HttpSettings, 'url'>,
  target: Pick<HttpTarget, 'object' | 'query'>,
  plan: Pick<RequestPlan, 'path'>,
  row?: { readonly key: string; readonly match: string },
): string | undefined {
  const parameters = new Map(Object.entries({ object: target.object, ...row }));
  const filled = plan.path.split('/').map((part) => filledPart(part, parameters));
  if (filled.some((part) => part === undefined)) return undefined;
  const query = new URLSearchParams(target.query).toString();
  const base = settings.url.endsWith('/') ? settings.url.slice(0, -1) : settings.url;
  const path = filled.join('/').replace(/^\/+/, '');
  return `${base}${path === '' ? '' : '/'}${path}${query === '' ? '' : `?${query}`}`;
}

const PARAMETER = /\{(\w*)\}/g;
const OF_A_ROW = /\{(match|key)\}/;
const PART = /^[A-Za-z0-9\-._~!$&'()*+,;=:@%]*$/;
/** What a URL parser takes for `.` or `..`, however it is written. */
const DOTS = /^(\.|%2e){1,2}$/i;

/** One part of a path. Undefined when a row's value makes it unusable. */
function filledPart(part: string, parameters: ReadonlyMap<string, string>): string | undefined {
  if (!PART.test(part.replace(PARAMETER, ''))) throw pathRefused('it has characters that a path cannot have');
  let bad = false;
  const text = part.replace(PARAMETER, (_whole, name: string) => {
    const value = parameters.get(name);
    if (value === undefined) throw pathRefused(`{${name}} is not known here`);
    if (value === '' || !value.isWellFormed()) bad = true;
    return bad ? '' : encodeURIComponent(value);
  });
  if (!bad && !DOTS.test(text)) return text;
  if (OF_A_ROW.test(part)) return undefined;
  throw pathRefused('a part of it is empty or dots');
}

function pathRefused(why: string): Fault {
  return new Fault('config', 'path_refused', `the path cannot be used: ${why}`, {
    remedy: 'Use plain parts, {object}, and for requests of one row {match} or {key}.',
    path: 'destination.options.path',
  });
}

/** The value that names the record, as text for a path; empty when there is none. */
export function matchText(row: Row, matchOn: string): string {
  const value = row.fields[matchOn];
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return JSON.isRawJSON(value) ? value.rawJSON : '';
}

/**
 * The JSON text of a request. Exact numbers keep their digits. One `JSON.stringify` of the array: a call for each
 * row costs half as much again.
 */
export function requestBody(target: HttpTarget, body: HttpBody, rows: readonly Row[]): string | undefined {
  if (body === 'none') return undefined;
  const shape = rowShape(target);
  if (body === 'single') return rows[0] === undefined ? undefined : JSON.stringify(shape(rows[0]));
  const array = JSON.stringify(rows.map(shape));
  if (body === 'array') return array;
  return wrapped(body === 'rows' ? { wrap: 'rows' } : body, array);
}

type Sent = Readonly<Record<string, unknown>>;

/** How one row looks in the body. */
function rowShape({ key: name, row: shape }: HttpTarget): (row: Row) => Sent {
  if (shape === 'fields') {
    return name === null ? ({ fields }) => ({ fields }) : ({ key, fields }) => ({ [name]: key, fields });
  }
  if (name === null) return ({ fields }) => fields;
  return ({ key, fields }) => {
    const flat = { [name]: key, ...fields };
    if (flat[name] !== key) throw keyHidden(name);
    return flat;
  };
}

function keyHidden(key: string): Fault {
  return new Fault('config', 'key_hidden', `a field named ${key} would hide the row key`, {
    remedy: 'Give the row key another name by `key`, leave it out by `key: null`, or use `row: fields`.',
    path: 'destination.options.key',
  });
}

function wrapped(
  shape: { wrap: string; with?: Readonly<Record<string, Value>> | undefined },
  array: string,
): string {
  const [top = 'rows', ...below] = shape.wrap.split('.');
  let inner = array;
  for (const name of below.toReversed()) inner = `{${JSON.stringify(name)}:${inner}}`;
  const constants = Object.entries(shape.with ?? {}).filter(([name]) => name !== top);
  const members = constants.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${[...members, `${JSON.stringify(top)}:${inner}`].join(',')}}`;
}
