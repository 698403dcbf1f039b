/**
 * The two parts of undici that our HTTP client uses. Its package is one CommonJS module with fetch, WebSocket, caches and
 * mocks, which a bundler cannot tell apart: in the bundles, `undici` means this file. Relative paths, because the
 * package's own name is what is replaced. Our client calls `dispatch`, so the methods that the package's entry gives a
 * dispatcher (`request`, `stream`...) are not there.
 */
exports.Agent = require('../../node_modules/undici/lib/dispatcher/agent.js');
exports.buildConnector = require('../../node_modules/undici/lib/core/connect.js');
