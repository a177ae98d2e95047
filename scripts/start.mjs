// `npm start`: installs what is missing, sees to a container engine, runs server and executor, and shows the demo.
// Arguments after `--` go to `sandglass up`. Runs on the Node of the machine (20 or later) with nothing installed.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './lib/apt.mjs';
import { acquireEngine } from './lib/engine.mjs';
import { explain } from './lib/failure.mjs';
import { Interrupted, onInterrupt } from './lib/interrupt.mjs';
import { ensureNodePackages, outsideOfNpm, pinnedNode } from './lib/packages.mjs';
import { ended, killGroup } from './lib/run.mjs';
import { createSteps } from './lib/steps.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** What the embedded store needs, and a minimal Debian lacks. */
const LIBRARIES = ['libatomic1'];
/** How long server and executor have to end. */
const GRACE_MS = 60_000;

/** @type {import('node:child_process').ChildProcess | undefined} */
let child;
const interrupted = onInterrupt(() => killGroup(child?.pid, 'SIGKILL'));
const step = createSteps(process.stdout);

/** @type {import('./lib/engine.mjs').Engine | undefined} */
let engine;
try {
  await step('npm packages', (detail) => ensureNodePackages(root, { signal: interrupted, detail }));
  await step('system libraries', (detail) => ensurePackages(LIBRARIES, { signal: interrupted, onLine: detail }));
  engine = await step('container engine', (detail) => acquireEngine({ signal: interrupted, detail }));
  process.stdout.write(`  ${engine.note}\n\n`);
  process.exitCode = await sandglass(['up', '--demo', ...process.argv.slice(2)], engine.address.host);
} catch (error) {
  process.exitCode = error instanceof Interrupted ? error.code : 1;
  if (!(error instanceof Interrupted)) process.stderr.write(`\n${explain(error)}\n`);
} finally {
  const done = await engine?.release().catch(explain);
  if (done !== undefined) process.stdout.write(`${done}\n`);
}
process.exit();

/**
 * Runs the command line program. It gets each signal once, from us: it has a process group of its own, so that a terminal's
 * Ctrl-C does not reach it a second time, which would mean impatience.
 * @param {readonly string[]} args
 * @param {string} dockerHost
 * @returns {Promise<number>} its exit status
 */
async function sandglass(args, dockerHost) {
  interrupted.throwIfAborted();
  const env = { ...outsideOfNpm(process.env), DOCKER_HOST: dockerHost };
  child = spawn(pinnedNode(root) ?? process.execPath, ['src/cli/main.ts', ...args], { cwd: root, env, stdio: 'inherit', detached: true });
  const running = child;
  interrupted.addEventListener('abort', () => {
    running.kill(interrupted.reason.signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
    setTimeout(() => killGroup(running.pid, 'SIGKILL'), GRACE_MS).unref();
  });
  return ended(child);
}
