/**
 * What an owner writes for the `http` destination: the account's settings and a definition's target.
 * Page: docs/destinations/http.md.
 */
import * as z from 'zod';

const headerName = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'a header name is letters, digits and dashes');
const headerValue = z.string().max(4096);
/** Headers that carry the protocol itself, or that the settings make in another way. */
const RESERVED_HEADERS = new Set([
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const authSchema = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('none') }),
  /** `Authorization: Bearer <secret.token>` */
  z.strictObject({ by: z.literal('bearer') }),
  /** `Authorization: Basic` of secret.username and secret.password */
  z.strictObject({ by: z.literal('basic') }),
  /** secret.token in a header of its own, such as `api-key` */
  z.strictObject({ by: z.literal('header'), header: headerName }),
  /** OAuth 2 client credentials (RFC 6749, 4.4) with secret.clientId and secret.clientSecret */
  z.strictObject({
    by: z.literal('oauth'),
    tokenUrl: z.string().max(2048),
    scope: z.string().max(1024).optional(),
    audience: z.string().max(1024).optional(),
    /** Where the client's credentials go in the token request. */
    sendAs: z.enum(['basic', 'body']).default('basic'),
  }),
]);

const idempotency = z.enum(['idempotent', 'keyed', 'unsafe']);

export const httpSettingsSchema = z.strictObject({
  /** All paths begin here: `https://api.example.com/v2`. No query. */
  url: z.string().max(2048),
  auth: authSchema.default({ by: 'none' }),
  /** HMAC-SHA256 with secret.signingKey, in this header. */
  signature: z.strictObject({ header: headerName.default('tailrace-signature') }).optional(),
  /** Plain values, never secrets. */
  headers: z
    .record(headerName, headerValue)
    .default({})
    .refine((headers) => !Object.keys(headers).some((name) => RESERVED_HEADERS.has(name.toLowerCase())), {
      message: 'a header in `headers` is reserved; use `auth` for credentials',
    }),
  idempotencyHeader: headerName.default('idempotency-key'),
  /** The server remembers idempotency keys: operations that are not idempotent become `keyed`. */
  dedupes: z.boolean().default(false),
  /**
   * What a 2xx answer without results means. `status`: the whole request was taken. `rows`: nothing; each row
   * must be named in the body, and a row that is not is deferred.
   */
  answers: z.enum(['status', 'rows']).default('status'),
  /** The operations that the server supports and how safe a repeat is; others are refused. */
  operations: z
    .strictObject({
      insert: idempotency.optional(),
      update: idempotency.optional(),
      upsert: idempotency.optional(),
      delete: idempotency.optional(),
    })
    .optional(),
  /** The read-only call that proves that the account works; without it, any answer of the URL to HEAD. */
  check: z.strictObject({ path: z.string().max(1024) }).optional(),
  timeoutMs: z.int().min(100).max(120_000).default(30_000),
  requestBytesMax: z.int().min(1024).max(16_777_216).default(4_194_304),
  /** PEM of a private certificate authority. */
  ca: z.string().max(65_536).optional(),
});

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;
const memberPath = z
  .string()
  .max(255)
  .regex(/^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*){0,7}$/, 'names joined by dots, such as data.items')
  .refine((path) => !path.split('.').includes('__proto__'), 'this name is not allowed');

/** `rows`: `{"rows":[...]}`. `array`: `[...]`. `single`: the one row itself. `none`: no body; the path says it. */
const bodySchema = z.union([
  z.enum(['rows', 'array', 'single', 'none']),
  z.strictObject({
    /** Where the rows lie: `data.items` makes `{"data":{"items":[...]}}`. */
    wrap: memberPath,
    /** Constant members beside them, at the top. */
    with: z.record(z.string().max(255), z.json()).optional(),
  }),
]);

const requestShape = {
  method: z.enum(METHODS).optional(),
  /** Below the account's URL; `{object}`, and in requests of one row `{match}` and `{key}`, are filled in. */
  path: z.string().max(1024).optional(),
  body: bodySchema.optional(),
};
const requestSchema = z.strictObject(requestShape);

export const httpTargetSchema = z.strictObject({
  object: z.string().min(1).max(255),
  ...requestShape,
  /** Constant query parameters. */
  query: z.record(z.string().min(1).max(255), z.string().max(1024)).optional(),
  /** `flat`: key and fields side by side. `fields`: the fields in a member of their own. */
  row: z.enum(['flat', 'fields']).default('flat'),
  /** The member that carries the row key; null leaves it out. */
  key: z.string().min(1).max(64).nullable().default('key'),
  /** What differs for one operation. */
  operations: z
    .strictObject({
      insert: requestSchema.optional(),
      update: requestSchema.optional(),
      upsert: requestSchema.optional(),
      delete: requestSchema.optional(),
    })
    .optional(),
  answers: z.enum(['status', 'rows']).optional(),
});

export type HttpSettings = z.infer<typeof httpSettingsSchema>;
export type HttpTarget = z.infer<typeof httpTargetSchema>;
export type HttpAuth = HttpSettings['auth'];
export type HttpBody = z.infer<typeof bodySchema>;
