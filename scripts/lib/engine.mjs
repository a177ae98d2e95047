import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { canInstall, installPackages } from './apt.mjs';
import { isChroot } from './chroot.mjs';
import { startDockerd, stopDockerd, waitUntil } from './dockerd.mjs';
import { callEngine, engineAddresses, findEngine } from './engine-api.mjs';
import { EngineUsers } from './engine-users.mjs';
import { SetupError } from './failure.mjs';
import { withLock } from './file-lock.mjs';
import { findProgram } from './find-program.mjs';
import { identityOf } from './live-process.mjs';
import { run } from './run.mjs';

/** Where root's commands note the engine that they have started, and who uses it. */
const STATE_FOLDER = '/run/sandglass/engine';
/** What an engine needs, and the packages of the distribution that bring it. */
const PROGRAMS = { dockerd: 'docker.io', iptables: 'iptables', ip: 'iproute2' };
const SERVICE_START_MS = 60_000;

/**
 * A container engine that answers.
 * @typedef {object} Engine
 * @property {import('./engine-api.mjs').EngineAddress} address
 * @property {string} note where it comes from, for the output
 * @property {() => Promise<string | undefined>} release ends an engine that our commands have started, when nobody else uses
 *   it; tells what it did
 */

/**
 * The engine that answers; one that is started here when none does and we may.
 * @param {{ signal: AbortSignal, detail: (text: string) => void, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<Engine>}
 * @throws {SetupError} it says what to do
 */
export async function acquireEngine({ signal, detail, env = process.env }) {
  const addresses = engineAddresses(env, homedir());
  const { engine: found, denied } = await findEngine(addresses);
  if (found !== undefined && !existsSync(STATE_FOLDER)) return foreign(found);
  if (found === undefined) refuseUnlessStartable(env, denied);
  else if (process.getuid?.() !== 0) return foreign(found);

  mkdirSync(STATE_FOLDER, { recursive: true, mode: 0o755 });
  const onWait = () => detail('waiting for another command that starts or stops the engine');
  return withLock(STATE_FOLDER, { signal, onWait }, async () => {
    const users = new EngineUsers(STATE_FOLDER);
    const { engine } = await findEngine(addresses);
    if (engine !== undefined && users.engine === undefined) return foreign(engine);
    if (engine !== undefined) return joined(users, engine, 'started by another command');
    return start(users, addresses, { signal, detail });
  });
}

/**
 * @param {EngineUsers} users
 * @param {readonly import('./engine-api.mjs').EngineAddress[]} addresses
 * @param {{ signal: AbortSignal, detail: (text: string) => void }} options
 * @returns {Promise<Engine>}
 */
async function start(users, addresses, { signal, detail }) {
  const missing = Object.entries(PROGRAMS).flatMap(([program, name]) => (findProgram(program) === undefined ? [name] : []));
  if (missing.length > 0) await installPackages(missing, { signal, onLine: detail });
  const answers = async () => (await findEngine(addresses)).engine !== undefined;
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['start', 'docker'], { signal, onLine: detail });
    const problem = await waitUntil(answers, SERVICE_START_MS, signal);
    if (problem !== undefined)
      throw new SetupError(`the service docker does not answer: ${problem.message}`, ['see: journalctl -u docker']);
  } else if (!(await answers())) {
    // A package may bring a start script of its own; what it started is the system's, and stays.
    detail('starting dockerd');
    users.recordEngine(await startDockerd(join(STATE_FOLDER, 'dockerd.log'), { signal, answers }));
    const { engine } = await findEngine(addresses);
    if (engine !== undefined) return joined(users, engine, 'started');
  }
  const { engine } = await findEngine(addresses);
  if (engine === undefined) throw new SetupError('the engine has gone away again', [`see ${STATE_FOLDER}/dockerd.log`]);
  return foreign(engine);
}

/**
 * An engine that we did not start, and do not stop.
 * @param {import('./engine-api.mjs').EngineAddress} address
 * @returns {Engine}
 */
function foreign(address) {
  return { address, note: `answers at ${address.host}`, release: async () => undefined };
}

/**
 * An engine that our commands have started: the last one to leave stops it.
 * @param {EngineUsers} users
 * @param {import('./engine-api.mjs').EngineAddress} address
 * @param {string} note
 * @returns {Engine}
 */
function joined(users, address, note) {
  const self = identityOf(process.pid) ?? `${process.pid}-0`;
  users.join(self);
  const release = () =>
    withLock(STATE_FOLDER, {}, async () => {
      const others = users.leave(self);
      const { engine } = users;
      if (others > 0 || engine === undefined) return others > 0 ? 'the engine is left running: another command uses it' : undefined;
      if (await runsStrangers(address)) return 'the engine is left running: containers run in it that are not ours';
      if (!(await stopDockerd(engine))) return `dockerd (process ${engine.split('-')[0]}) does not end; it is left running`;
      users.forgetEngine();
      return 'the engine is stopped';
    });
  return { address, note: `${note}, at ${address.host}`, release };
}

/**
 * Whether a container runs that carries no label of ours: its owner found the engine up, and counts on it.
 * @param {import('./engine-api.mjs').EngineAddress} address
 */
async function runsStrangers(address) {
  /** @type {{ Labels: Record<string, string> | null }[]} */
  const running = await callEngine(address, 'GET', '/containers/json').catch(() => []);
  return running.some(({ Labels }) => !Object.keys(Labels ?? {}).some((label) => label.startsWith('dev.sandglass.')));
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} denied
 * @throws {SetupError} when we can't or should not start an engine ourselves
 */
function refuseUnlessStartable(env, denied) {
  if (env.DOCKER_HOST) {
    throw new SetupError(`DOCKER_HOST is ${env.DOCKER_HOST}, and no container engine answers there`, [
      'start that engine, or unset DOCKER_HOST',
    ]);
  }
  if (denied.length > 0) {
    throw new SetupError(`an engine is there, but this user may not use it: ${denied.join(', ')}`, [
      'sudo usermod -aG docker "$USER"   # then log in again',
    ]);
  }
  if (isChroot()) {
    throw new SetupError(
      "no container engine answers, and none is started in a chroot: its containers would write to the machine's own files",
      ['start one outside, and make its socket visible here:  mount --bind /run/docker.sock run/docker.sock'],
    );
  }
  if (process.platform === 'linux' && process.getuid?.() === 0 && (canInstall() || findProgram('dockerd') !== undefined)) return;
  throw new SetupError('no container engine answers, and only root can install and start one', [
    'on Debian or Ubuntu:  sudo apt-get update && sudo apt-get install -y docker.io && sudo systemctl start docker',
    '                      sudo usermod -aG docker "$USER"   # then log in again',
    'elsewhere:            https://docs.docker.com/engine/install/',
    'or name one that runs already:  export DOCKER_HOST=unix:///path/to/docker.sock',
  ]);
}
