// `npm run bench`: installs what is missing, sees to a container engine, and runs the benchmarks. Arguments after `--` go to
// them; see bench/main.ts. Runs on Node 20 or later with nothing installed.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './lib/apt.mjs';
import { acquireEngine } from './lib/engine.mjs';
import { explain } from './lib/failure.mjs';
import { Interrupted, onInterrupt } from './lib/interrupt.mjs';
import { ensureNodePackages, outsideOfNpm } from './lib/packages.mjs';
import { run } from './lib/run.mjs';
import { createSteps } from './lib/steps.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** The embedded store's library, and what the measured image is made of. */
const SYSTEM_PACKAGES = ['libatomic1', 'busybox-static'];

const interrupted = onInterrupt();
const step = createSteps(process.stdout);
try {
  await step('npm packages', (detail) => ensureNodePackages(root, { signal: interrupted, detail }));
  await step('system packages', (detail) => ensurePackages(SYSTEM_PACKAGES, { signal: interrupted, onLine: detail }));
  const engine = await step('container engine', (detail) => acquireEngine({ signal: interrupted, detail }));
  process.stdout.write(`  ${engine.note}\n`);
  try {
    const outside = outsideOfNpm(process.env);
    const env = { ...outside, PATH: `${join(root, 'node_modules/.bin')}:${outside.PATH}`, DOCKER_HOST: engine.address.host };
    const args = [join(root, 'bench/main.ts'), ...process.argv.slice(2)];
    await run(join(root, 'node_modules/.bin/node'), args, { cwd: process.cwd(), env, signal: interrupted, stopSignal: 'SIGINT' });
  } finally {
    const done = await engine.release().catch(explain);
    if (done !== undefined) process.stdout.write(`${done}\n`);
  }
} catch (error) {
  process.stderr.write(`\n${error instanceof Interrupted ? error.message : explain(error)}\n`);
  process.exitCode = error instanceof Interrupted ? error.code : 1;
}
