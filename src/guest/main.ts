/**
 * The guest: the main process of every sandbox, below the init process. It runs on a Node of its own that is mounted into
 * the sandbox, so it depends on nothing in the image.
 *
 *     main.mjs --socket PATH
 *
 * It connects to the executor, which listens at PATH, and serves it. It ends when its entrypoint does, or by a signal.
 */
import { parseArgs } from 'node:util';
import { Connections } from './connections.ts';
import { createGuestServer } from './guest-server.ts';
import { Initialisation } from './initialisation.ts';
import { useLightHeaders } from './light-headers.ts';
import { SettingsHolder } from './settings.ts';

const WRONG_USAGE = 2;

const { socket } = parseArgs({ options: { socket: { type: 'string' } } }).values;
if (socket === undefined) {
  process.stderr.write('usage: main.mjs --socket PATH\n');
  process.exit(WRONG_USAGE);
}
// A fault in one request must not end everything that runs in the sandbox.
process.on('uncaughtException', (error) => process.stderr.write(`sandglass guest: ${error.stack}\n`));
useLightHeaders();
const settings = new SettingsHolder();
const initialisation = new Initialisation(settings, async (entrypoint) => {
  const { startEntrypoint } = await import('./entrypoint.ts');
  await startEntrypoint(entrypoint, settings.current, (status) => process.exit(status));
});
new Connections(socket, createGuestServer(settings, initialisation)).open();
