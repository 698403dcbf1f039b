/**
 * The two parts of undici that our HTTP client uses. Its package is one CommonJS module with fetch, WebSocket, caches and
 * mocks, which a bundler cannot tell apart: in the bundles, `undici` means this file. Relative paths, because the
 * package's own name is what is replaced.
 *
 * The package's entry gives a dispatcher its methods; without it they have to be given here: `request` is the one we call.
 */
require('../node_modules/undici/lib/dispatcher/dispatcher.js').prototype.request =
  require('../node_modules/undici/lib/api/api-request.js');
exports.Agent = require('../node_modules/undici/lib/dispatcher/agent.js');
exports.buildConnector = require('../node_modules/undici/lib/core/connect.js');
