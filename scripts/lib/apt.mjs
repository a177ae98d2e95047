import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { SetupError } from './failure.mjs';
import { run } from './run.mjs';

const LOCK_WAIT_SECS = 120;

/** Whether packages can be installed here: apt-get is there, and we are root. */
export function canInstall() {
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0;
}

/**
 * @param {readonly string[]} names
 * @returns {string[]} those that are not installed; none on a system without dpkg, where their names mean nothing
 */
export function missingPackages(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const found = spawnSync('dpkg-query', ['--show', '--showformat', '${db:Status-Status} ${Package}\n', ...names], { encoding: 'utf8' });
  if (found.error !== undefined) return [];
  const installed = new Set(
    found.stdout
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice('installed '.length)),
  );
  return names.filter((name) => !installed.has(name));
}

/**
 * Installs those packages that are missing.
 * @param {readonly string[]} names
 * @param {{ signal: AbortSignal, onLine: (line: string) => void }} options
 * @throws {SetupError} when we may not: it says what to run
 */
export async function ensurePackages(names, options) {
  const missing = missingPackages(names);
  if (missing.length === 0) return;
  if (!canInstall()) {
    throw new SetupError(`these packages are missing: ${missing.join(', ')}`, [
      `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`,
    ]);
  }
  await installPackages(missing, options);
}

/**
 * Installs packages. The lists of a fresh machine are empty or old: they are brought up to date when there are none, or
 * when the installation fails with those that are there.
 * @param {readonly string[]} names
 * @param {{ signal: AbortSignal, onLine: (line: string) => void }} options
 */
export async function installPackages(names, options) {
  const install = () => aptGet(['install', '-y', '--no-install-recommends', ...names], options);
  if (hasLists()) {
    try {
      return await install();
    } catch (error) {
      options.signal?.throwIfAborted();
      options.onLine(`apt-get install failed (${/** @type {Error} */ (error).message}); trying again with new lists`);
    }
  }
  await aptGet(['update'], options);
  await install();
}

function hasLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((file) => file.includes('_Packages'));
  } catch {
    return false;
  }
}

/**
 * @param {readonly string[]} args
 * @param {{ signal: AbortSignal, onLine: (line: string) => void }} options
 */
async function aptGet(args, { signal, onLine }) {
  const waits = ['-o', `DPkg::Lock::Timeout=${LOCK_WAIT_SECS}`, '-o', 'Acquire::Retries=3', '-o', 'Dpkg::Use-Pty=0'];
  await run('apt-get', [...waits, ...args], {
    signal,
    onLine,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  });
}
