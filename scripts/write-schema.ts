/** `npm run schema`: writes the JSON Schema of definitions for editors. A test fails when it was forgotten. */
import { writeFileSync } from 'node:fs';
import { syncJsonSchema } from '../shared/core/sync-json-schema.ts';

const target = new URL('../docs/sync.schema.json', import.meta.url);
writeFileSync(target, syncJsonSchema());
console.log('wrote docs/sync.schema.json');
