// `npm test`: installs what is missing, sees to a container engine, and runs every check and every suite. Arguments after
// `--` go to vitest. The last line is `tests: N passed, N failed`. Runs on Node 20 or later with nothing installed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages } from './lib/apt.mjs';
import { acquireEngine } from './lib/engine.mjs';
import { explain, SetupError } from './lib/failure.mjs';
import { withLock } from './lib/file-lock.mjs';
import { Interrupted, onInterrupt } from './lib/interrupt.mjs';
import { removeTestLeftovers } from './lib/leftovers.mjs';
import { ensureNodePackages, outsideOfNpm } from './lib/packages.mjs';
import { run } from './lib/run.mjs';
import { differingFiles } from './lib/same-files.mjs';
import { createSteps } from './lib/steps.mjs';
import { readReport, totalsLine, totalsOf } from './lib/test-totals.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
/** The embedded store's library; what the tests' images are made of; and what users type. */
const SYSTEM_PACKAGES = ['libatomic1', 'busybox-static', 'curl'];

const interrupted = onInterrupt();
const step = createSteps(process.stdout);
const scratch = mkdtempSync(join(tmpdir(), 'sandglass-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
let exitCode = 0;
try {
  await step('npm packages', (detail) => ensureNodePackages(root, { signal: interrupted, detail }));
  const env = { ...outsideOfNpm(process.env), PATH: `${join(root, 'node_modules/.bin')}:${outsideOfNpm(process.env).PATH}` };
  await checks(env);
  // The suites share one engine and look at what is in it: two runs would disturb one another.
  const onWait = () => process.stdout.write('waiting for another npm test on this machine\n');
  await withLock(tmpdir(), { signal: interrupted, onWait }, () => (needsEngine() ? suitesWithEngine(env) : suites(env)));
} catch (error) {
  totals.failed++;
  exitCode = error instanceof Interrupted ? error.code : 1;
  process.stderr.write(`\n${error instanceof Interrupted ? error.message : explain(error)}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`\n${totalsLine(totals)}\n`);
process.exit(exitCode || (totals.failed > 0 ? 1 : 0));

/**
 * What can be checked without running anything. Each failure counts as one failed test, and the rest goes on.
 * @param {NodeJS.ProcessEnv} env
 */
async function checks(env) {
  await check('lint and format', (detail) => run('biome', ['check', '--error-on-warnings', '.'], options(env, detail)));
  await check('types', async (detail) => {
    await run('tsc', ['--noEmit'], options(env, detail));
    await run('tsc', ['--noEmit', '--project', 'scripts'], options(env, detail));
    await run('tsc', ['--noEmit', '--project', 'sdk'], options(env, detail));
  });
  await check('unused code and dependencies', (detail) => run('knip', ['--no-progress'], options(env, detail)));
  await check('generated code', async (detail) => {
    await run('buf', ['lint'], options(env, detail));
    await run('buf', ['generate', '--output', scratch], options(env, detail));
    const stale = differingFiles(join(scratch, 'src/rpc/gen'), join(root, 'src/rpc/gen'));
    if (stale.length > 0) throw new SetupError(`src/rpc/gen is not what proto/ generates: ${stale.join(', ')}`, ['npm run gen']);
  });
}

/**
 * @param {string} title
 * @param {(detail: (text: string) => void) => Promise<void>} task
 */
async function check(title, task) {
  try {
    await step(title, task);
  } catch (error) {
    interrupted.throwIfAborted();
    totals.failed++;
    process.stdout.write(`${explain(error)}\n`);
  }
}

/** Without `--project`, and with `--project e2e`, some tests need an engine. */
function needsEngine() {
  const chosen = args.flatMap((arg, i) =>
    arg === '--project' ? [args[i + 1]] : arg.startsWith('--project=') ? [arg.slice('--project='.length)] : [],
  );
  return chosen.length === 0 || chosen.some((project) => project !== 'unit' && project !== 'integration');
}

/** @param {NodeJS.ProcessEnv} env */
async function suitesWithEngine(env) {
  await step('system packages', (detail) => ensurePackages(SYSTEM_PACKAGES, { signal: interrupted, onLine: detail }));
  const engine = await step('container engine', (detail) => acquireEngine({ signal: interrupted, detail }));
  process.stdout.write(`  ${engine.note}\n`);
  try {
    await removeTestLeftovers(engine.address);
    await suites({ ...env, DOCKER_HOST: engine.address.host });
  } finally {
    await removeTestLeftovers(engine.address).catch((error) => process.stderr.write(`${explain(error)}\n`));
    const done = await engine.release().catch(explain);
    if (done !== undefined) process.stdout.write(`${done}\n`);
  }
}

/**
 * Those with an engine beside those without: the ones wait for the engine most of the time.
 * @param {NodeJS.ProcessEnv} env
 */
async function suites(env) {
  const groups =
    args.length > 0
      ? [args]
      : [
          ['--project', 'e2e'],
          ['--project', 'unit', '--project', 'integration'],
        ];
  await Promise.all(groups.map((group, number) => suite(env, group, join(scratch, `report-${number}.json`))));
  interrupted.throwIfAborted();
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} chosen arguments of vitest
 * @param {string} report path of a file that gets the results
 */
async function suite(env, chosen, report) {
  const vitest = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...chosen];
  const endedWell = await run('vitest', vitest, { cwd: root, env, signal: interrupted, stopSignal: 'SIGINT' }).then(
    () => true,
    () => false,
  );
  const counted = totalsOf(readReport(report), endedWell);
  totals.passed += counted.passed;
  totals.failed += counted.failed;
  totals.skipped += counted.skipped;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {(text: string) => void} detail
 * @returns {import('./lib/run.mjs').RunOptions}
 */
function options(env, detail) {
  return { cwd: root, env, signal: interrupted, onLine: detail };
}
