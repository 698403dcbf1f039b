/**
 * The JSON Schema of a definition, for editors: completion and the descriptions of `sync.ts` while typing. It knows
 * shapes only; rules across fields are told by `parseSync`.
 */
import { z } from 'zod';
import { syncSchema } from './sync.ts';

/** The document's text, the same for the same schema; `npm run schema` writes it to `docs/sync.schema.json`. */
export function syncJsonSchema(): string {
  const schema = z.toJSONSchema(syncSchema, { io: 'input', target: 'draft-7' });
  const document = {
    $comment: 'Generated from shared/core/sync.ts by `npm run schema`; edit that file instead.',
    title: 'Tailrace sync definition',
    ...schema,
  };
  return `${withShortLists(JSON.stringify(document, null, 2))}\n`;
}

/** Lists of plain values on one line, as the project's formatter writes them. */
const withShortLists = (json: string): string =>
  json.replace(/\[\n\s*([^[\]{}]*?)\n\s*\]/g, (_, inner: string) => `[${inner.split(/,\n\s*/).join(', ')}]`);
