/**
 * The guest: the main process of every sandbox, below the init process. It runs on a Node of its own that is mounted into
 * the sandbox, so it depends on nothing in the image.
 *
 * - `guest.mjs`: keeps the sandbox alive for commands, until a signal ends it.
 * - `guest.mjs --entrypoint`: reads a start line on standard input, runs the entrypoint and ends as it ends. On standard
 *   error it says `sandglass: entrypoint started`, or `sandglass: entrypoint failed: ` and why; the driver waits for it.
 */
import { runEntrypoint } from './entrypoint.ts';
import { readStartLine } from './start-line.ts';

const LONGEST_INTERVAL_MS = 2 ** 31 - 1;
const NO_START_LINE = 125;

if (process.argv.includes('--entrypoint')) {
  const report = (message: string) => process.stderr.write(`sandglass: entrypoint ${message.replaceAll('\n', ' ')}\n`);
  try {
    process.exit(await runEntrypoint(await readStartLine(process.stdin), report));
  } catch (error) {
    report(`failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(NO_START_LINE);
  }
} else {
  setInterval(() => {}, LONGEST_INTERVAL_MS); // Keeps the process; it wakes up every 25 days.
}
