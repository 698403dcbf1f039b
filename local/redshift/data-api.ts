/**
 * The Data API's actions on the statements of the local warehouse. Answers are text of JSON, so that a page of a
 * result goes out as it lies on disk and 64-bit integers keep their digits.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isCopy } from './copy.ts';
import { invalid, notFound } from './data-api-error.ts';
import {
  asArray,
  checkParameters,
  parseBatch,
  parseDescribe,
  parseExecute,
  parseId,
  parseList,
  parseResult,
  type SubmitInput,
} from './data-api-input.ts';
import { readPage } from './result-pages.ts';
import type { SubStatement } from './run-batch.ts';
import type { Statement } from './statement.ts';
import type { Statements } from './statements.ts';
import { translate } from './translate.ts';
import { isUnload } from './unload.ts';

export type DataApiCall = (action: string, input: unknown) => Promise<string>;

export function makeDataApi(statements: Statements, isPaused: () => boolean): DataApiCall {
  const find = (id: string): Statement => {
    const found = statements.find(id);
    if (found === undefined) throw notFound(`Query does not exist: ${id}`);
    return found;
  };
  const submit = async (input: SubmitInput): Promise<string> => {
    if (isPaused()) throw invalid('The warehouse is paused; resume it before you run a statement');
    checkParameters(input, usedParameters(input));
    const statement = statements.submit(input);
    await waited(statement, input.WaitTimeSeconds);
    return JSON.stringify(submitted(statement));
  };
  const actions: Readonly<Record<string, (input: unknown) => Promise<string>>> = {
    ExecuteStatement: (input) => submit(parseExecute(input)),
    BatchExecuteStatement: (input) => submit(parseBatch(input)),
    async DescribeStatement(input) {
      const { Id, WaitTimeSeconds } = parseDescribe(input);
      const statement = find(Id);
      await waited(statement, WaitTimeSeconds);
      return JSON.stringify(described(statement, Id));
    },
    async GetStatementResult(input) {
      const { Id, NextToken, WaitTimeSeconds } = parseResult(input);
      const statement = find(Id);
      await waited(statement, WaitTimeSeconds);
      return resultPage(subOf(statement, Id), NextToken);
    },
    async CancelStatement(input) {
      const statement = find(parseId(input).Id);
      if (!statements.cancel(statement))
        throw invalid('Could not cancel a query that is already in a final state');
      return JSON.stringify({ Status: true });
    },
    async ListStatements(input) {
      return JSON.stringify(listed(statements.list(), parseList(input)));
    },
  };
  return async (action, input) => {
    const run = actions[action];
    if (run === undefined) throw invalid(`RedshiftData.${action} is not implemented here`);
    return run(input);
  };
}

function usedParameters(input: SubmitInput): ReadonlySet<string> {
  const texts = asArray(input).filter((sql) => !isUnload(sql) && !isCopy(sql));
  return new Set(texts.flatMap((sql) => [...translate(sql).parameters]));
}

async function waited(statement: Statement, seconds = 0): Promise<void> {
  if (seconds > 0) await Promise.race([statement.ended, wait(seconds * 1000, undefined, { ref: false })]);
}

function submitted(statement: Statement): object {
  const { input } = statement;
  return {
    Id: statement.id,
    CreatedAt: statement.createdAt / 1000,
    Database: input.Database,
    WorkgroupName: input.WorkgroupName,
    ClusterIdentifier: input.ClusterIdentifier,
    Status: statement.status,
    HasResultSet: statement.subs.some((sub) => sub.result !== undefined),
  };
}

function described(statement: Statement, id: string): object {
  const isSub = id.includes(':');
  const sub = subOf(statement, id);
  const times = { CreatedAt: statement.createdAt / 1000, UpdatedAt: statement.updatedAt / 1000 };
  const facts = {
    ...times,
    Duration: isSub
      ? sub.durationNanoseconds
      : statement.subs.reduce((sum, one) => sum + one.durationNanoseconds, 0),
    QueryString: sub.sql,
    ResultRows: sub.rows,
    ResultSize: sub.result?.bytes ?? -1,
    RedshiftQueryId: 0,
    RedshiftPid: 1,
    HasResultSet: sub.result !== undefined,
    StatementName: statement.input.StatementName,
    Database: statement.input.Database,
  };
  if (isSub) return { Id: id, ...facts, Status: sub.status, Error: sub.error };
  const batch = 'Sqls' in statement.input;
  return {
    Id: id,
    ...facts,
    Status: statement.status,
    Error: statement.error,
    QueryParameters: statement.input.Parameters,
    ...(batch
      ? { SubStatements: statement.subs.map((one, index) => subDescribed(statement, one, index)) }
      : {}),
  };
}

function subDescribed(statement: Statement, sub: SubStatement, index: number): object {
  return {
    Id: `${statement.id}:${index + 1}`,
    Status: sub.status,
    Error: sub.error,
    Duration: sub.durationNanoseconds,
    QueryString: sub.sql,
    ResultRows: sub.rows,
    ResultSize: sub.result?.bytes ?? -1,
    RedshiftQueryId: 0,
    HasResultSet: sub.result !== undefined,
    CreatedAt: statement.createdAt / 1000,
    UpdatedAt: statement.updatedAt / 1000,
  };
}

/** `<id>:2` is the second statement of a batch; `<id>` alone the only one, or the last. */
function subOf(statement: Statement, id: string): SubStatement {
  const [, place] = id.split(':');
  const sub = place === undefined ? statement.subs.at(-1) : statement.subs[Number(place) - 1];
  if (sub === undefined) throw notFound(`Query does not exist: ${id}`);
  return sub;
}

async function resultPage(sub: SubStatement, token: string | undefined): Promise<string> {
  if (sub.status !== 'FINISHED') throw notFound(`Query is not finished: it is ${sub.status}`);
  if (sub.result === undefined) throw notFound('Query does not have result. Please check query status');
  const page = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(page) || page < 0 || page >= sub.result.pages)
    throw invalid('NextToken is not valid');
  const head = {
    ColumnMetadata: sub.result.columns.map((column) => ({ ...column, nullable: 1 })),
    TotalNumRows: sub.result.rows,
    ...(page + 1 < sub.result.pages ? { NextToken: String(page + 1) } : {}),
  };
  return `${JSON.stringify(head).slice(0, -1)},"Records":${await readPage(sub.result, page)}}`;
}

type Listing = {
  readonly Status?: string | undefined;
  readonly StatementName?: string | undefined;
  readonly MaxResults?: number | undefined;
};

function listed(statements: readonly Statement[], { Status, StatementName, MaxResults }: Listing): object {
  const wanted = statements
    .filter((one) => Status === undefined || Status === 'ALL' || one.status === Status)
    .filter(
      (one) => StatementName === undefined || (one.input.StatementName ?? '').startsWith(StatementName),
    );
  return {
    Statements: wanted.slice(0, MaxResults ?? 100).map((one) => ({
      Id: one.id,
      StatementName: one.input.StatementName,
      Status: one.status,
      CreatedAt: one.createdAt / 1000,
      UpdatedAt: one.updatedAt / 1000,
      IsBatchStatement: 'Sqls' in one.input,
      QueryStrings: asArray(one.input),
    })),
  };
}
