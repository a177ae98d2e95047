import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

/**
 * Where an engine may answer.
 * @typedef {{ host: string, socketPath: string } | { host: string, hostname: string, port: number }} EngineAddress
 *   `host` is what DOCKER_HOST would be
 */

/**
 * The places to look for an engine, best first.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} home
 * @returns {EngineAddress[]} one when `DOCKER_HOST` is set: it means that engine and no other
 */
export function engineAddresses(env, home) {
  if (env.DOCKER_HOST) return [parseDockerHost(env.DOCKER_HOST)];
  const sockets = ['/var/run/docker.sock', join(home, '.docker/run/docker.sock'), join(home, '.docker/desktop/docker.sock')];
  if (env.XDG_RUNTIME_DIR) sockets.splice(1, 0, join(env.XDG_RUNTIME_DIR, 'docker.sock'));
  return sockets.map((socketPath) => ({ host: `unix://${socketPath}`, socketPath }));
}

/**
 * @param {string} host
 * @returns {EngineAddress}
 * @throws when it is no address that we can speak to
 */
export function parseDockerHost(host) {
  if (host.startsWith('unix://')) return { host, socketPath: host.slice('unix://'.length) };
  const match = /^(?:tcp|http):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(host);
  if (match === null) throw new Error(`DOCKER_HOST is ${host}; it must be unix:///path or tcp://host:port`);
  return { host, hostname: /** @type {string} */ (match[1]).replace(/^\[|\]$/g, ''), port: Number(match[2] ?? 2375) };
}

/**
 * The first address at which an engine answers.
 * @param {readonly EngineAddress[]} addresses
 * @returns {Promise<{ engine?: EngineAddress, denied: string[] }>} `denied`: sockets that we may not open
 */
export async function findEngine(addresses) {
  const denied = [];
  for (const engine of addresses) {
    if ('socketPath' in engine && !existsSync(engine.socketPath)) continue;
    try {
      await callEngine(engine, 'GET', '/_ping', { timeoutMs: 5000 });
      return { engine, denied };
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EACCES') denied.push(engine.host);
    }
  }
  return { denied };
}

/**
 * One call of the Docker Engine API.
 * @param {EngineAddress} engine
 * @param {'GET' | 'POST' | 'DELETE'} method
 * @param {string} path
 * @param {{ timeoutMs?: number }} [options]
 * @returns {Promise<any>} the JSON of the answer; text when it is none
 * @throws when nothing answers in time, or with a status of 400 or more; then the error has `status`
 */
export function callEngine({ host: _, ...address }, method, path, { timeoutMs = 30_000 } = {}) {
  return new Promise((resolve, reject) => {
    const call = request({ ...address, method, path, headers: { host: 'docker' }, signal: AbortSignal.timeout(timeoutMs) }, (answer) => {
      /** @type {Buffer[]} */
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const body = parseBody(Buffer.concat(chunks).toString('utf8'));
        const status = answer.statusCode ?? 0;
        if (status < 400) resolve(body);
        else reject(Object.assign(new Error(`${method} ${path}: ${body?.message ?? body} (${status})`), { status }));
      });
    });
    call.on('error', reject);
    call.end();
  });
}

/** @param {string} text */
function parseBody(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
