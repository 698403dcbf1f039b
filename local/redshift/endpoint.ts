/**
 * A local Redshift: an HTTP endpoint that speaks the Data API (AWS JSON 1.1) with DuckDB behind it. The SDK's own
 * client talks to it through `AWS_ENDPOINT_URL_REDSHIFT_DATA`. 127.0.0.1 only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeDataApi } from './data-api.ts';
import { DataApiError } from './data-api-error.ts';
import { openDatabase } from './database.ts';
import type { UnloadStore } from './object-store.ts';
import type { StatementEvent } from './statement-event.ts';
import { makeStatements } from './statements.ts';

export type RedshiftSettings = {
  /** Where the database's file lies; without it everything is in memory. */
  readonly dataDir?: string;
  /** The local S3, as the warehouse sees it. */
  readonly s3: UnloadStore;
  /** `Redshift Data Statement Status Change`, for statements WithEvent. */
  onEvent(event: StatementEvent): void;
  readonly port?: number;
  /** What all statements together may take of memory; absent: see `database.ts`. */
  readonly memoryMegabytes?: number;
};

/** available; paused: the Data API refuses; unreachable: statements are taken and fail to connect. */
export type Availability = 'available' | 'paused' | 'unreachable';

export type LocalRedshift = {
  readonly endpoint: string;
  readonly port: number;
  /** DuckDB's own SQL, several statements at once: seeds and checks. */
  sql(text: string): Promise<readonly Record<string, unknown>[]>;
  /** One Data API call without HTTP: `ExecuteStatement`, ... Throws DataApiError. The result is JSON text. */
  call(action: string, input: unknown): Promise<string>;
  setAvailability(availability: Availability): void;
  /** A statement that has ended is known no more; its token still is. */
  vanish(statementId: string): void;
  close(): Promise<void>;
};

/** Opens the database and listens. */
export async function startRedshift(settings: RedshiftSettings): Promise<LocalRedshift> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'tailrace-redshift-'));
  const { dataDir, memoryMegabytes } = settings;
  const database = await openDatabase({ dataDir, scratch, memoryMegabytes });
  let availability: Availability = 'available';
  const statements = makeStatements({
    database,
    scratch,
    store: settings.s3,
    onEvent: (event) => settings.onEvent(event),
    unreachable: () => (availability === 'unreachable' ? 'Connection to the warehouse timed out' : undefined),
  });
  const call = makeDataApi(statements, () => availability === 'paused');
  const server = createServer((request, response) => void answer(call, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    sql: (text) => database.sql(text),
    call,
    setAvailability(next) {
      availability = next;
    },
    vanish: (statementId) => statements.vanish(statementId),
    async close() {
      await statements.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      database.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

const BODY_BYTES_MAX = 8 * 1024 * 1024;

async function answer(
  call: LocalRedshift['call'],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const headers = { 'content-type': 'application/x-amz-json-1.1' };
  try {
    const action =
      String(request.headers['x-amz-target'] ?? '')
        .split('.')
        .at(-1) ?? '';
    const body = await call(action, JSON.parse(await readBody(request)));
    response.writeHead(200, headers).end(body);
  } catch (error) {
    const { code, message, status } =
      error instanceof DataApiError ? error : new DataApiError('InternalServerException', String(error), 500);
    response.writeHead(status, { ...headers, 'x-amzn-errortype': code });
    response.end(JSON.stringify({ __type: code, Message: message, message }));
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) throw new DataApiError('ValidationException', 'request body too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8') || '{}';
}
