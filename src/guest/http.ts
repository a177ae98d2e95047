/**
 * Node's HTTP, for every part of the guest. To import the module would make Node look at all that it exports, `WebSocket` among
 * it, and load its whole fetch client for that: 6 MB in every sandbox.
 */
export const { createServer, STATUS_CODES } = process.getBuiltinModule('node:http');
