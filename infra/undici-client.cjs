/**
 * The two parts of undici that our HTTP client uses. Its package is one CommonJS module with fetch, WebSocket, caches and
 * mocks, which a bundler cannot tell apart: in the bundles, `undici` means this file. Relative paths, because the
 * package's own name is what is replaced.
 */
exports.Agent = require('../node_modules/undici/lib/dispatcher/agent.js');
exports.buildConnector = require('../node_modules/undici/lib/core/connect.js');
