import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError } from './failure.mjs';
import { withLock } from './file-lock.mjs';
import { CommandError, run } from './run.mjs';

/** Node's own version from which on it runs TypeScript as it is, and does all that we ask of it. */
const WANTED_MAJOR = 24;
const ERROR_LINES = 15;

/**
 * Installs what `package-lock.json` names, unless it is there already.
 * @param {string} root the repository
 * @param {{ signal: AbortSignal, detail: (text: string) => void }} options
 * @returns {Promise<boolean>} whether anything was installed
 * @throws {SetupError} with what npm says
 */
export async function ensureNodePackages(root, { signal, detail }) {
  if (isInstalled(root)) return false;
  return withLock(root, { signal, onWait: () => detail('waiting for another installation') }, async () => {
    if (isInstalled(root)) return false;
    /** @type {string[]} */
    const errors = [];
    /** @param {string} line */
    const onLine = (line) => {
      if (line.startsWith('npm error')) errors.push(line);
      else if (!line.startsWith('npm warn')) detail(line);
    };
    try {
      const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--no-progress'];
      await run('npm', args, { cwd: root, env: outsideOfNpm(process.env), signal, onLine });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // npm says what is wrong first, and then how it is used, at length.
      const shown = errors.length > 0 ? errors.slice(0, ERROR_LINES) : error.tail;
      throw new SetupError('npm could not install the packages:', [
        ...shown.map((line) => `| ${line}`),
        'Check that the registry can be reached (`npm ping`) and that the disk has room, then run it again.',
      ]);
    }
    return true;
  });
}

/**
 * Whether node_modules holds what the lock file names. npm records what it has installed, last of all, in a file of its own:
 * comparing the two finds a missing, an interrupted and an outdated installation alike, and needs no record of ours.
 * @param {string} root
 */
function isInstalled(root) {
  const record = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(record) || pinnedNode(root) === undefined) return false;
  return matches(readJson(join(root, 'package-lock.json')), readJson(record));
}

/**
 * @typedef {{ packages: Record<string, { version?: string, integrity?: string, optional?: boolean, link?: boolean }> }} LockFile
 */

/**
 * Whether everything that `wanted` names is installed in that version, and nothing else is. Optional packages may be
 * missing: they are for other machines.
 * @param {LockFile} wanted
 * @param {LockFile} installed
 */
export function matches({ packages: wanted }, { packages: installed }) {
  const same = Object.entries(installed).every(([path, { version, integrity }]) => {
    const entry = wanted[path];
    return entry !== undefined && entry.version === version && entry.integrity === integrity;
  });
  return same && Object.entries(wanted).every(([path, { optional }]) => path === '' || optional === true || installed[path] !== undefined);
}

/**
 * The Node that runs Sandglass: the pinned one from node_modules, else the one that runs us, if it is new enough.
 * @param {string} root
 * @returns {string | undefined} path of the program
 */
export function pinnedNode(root) {
  const pinned = join(root, `node_modules/node-${process.platform}-${process.arch}/bin/node`);
  if (existsSync(pinned)) return pinned;
  return Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR ? process.execPath : undefined;
}

/**
 * The environment as it was before `npm start`: npm puts node_modules/.bin in front of the PATH, with a Node that is about
 * to be replaced while it runs, and its own settings into variables.
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function outsideOfNpm(env) {
  const path = (env.PATH ?? '').split(delimiter).filter((folder) => !/[/\\]node_modules[/\\]\.bin$|node-gyp-bin$/.test(folder));
  const kept = Object.entries(env).filter(
    ([name]) => !/^npm_(lifecycle|package|node_execpath|execpath|command)/.test(name) && name !== 'NODE',
  );
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
