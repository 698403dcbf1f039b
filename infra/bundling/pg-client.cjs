/**
 * The one part of pg that the `postgres` destination uses: its client. In the bundles, `pg` means this file, which leaves
 * out the pool (we have our own) and the twin in C. Relative paths, because the package's own name is what is replaced.
 */
exports.Client = require('../../node_modules/pg/lib/client.js');
