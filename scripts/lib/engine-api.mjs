import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { SetupError } from './failure.mjs';

/**
 * Where an engine may answer.
 * @typedef {object} EngineAddress
 * @property {string} host what DOCKER_HOST would be
 * @property {string} [socketPath] instead of `hostname` and `port`
 * @property {string} [hostname]
 * @property {number} [port]
 * @property {boolean} [tls]
 * @property {string} [certPath] folder of the client's certificate, as in DOCKER_CERT_PATH
 */

/**
 * The places to look for an engine, best first.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} home
 * @returns {EngineAddress[]} one when `DOCKER_HOST` is set: it means that engine and no other
 */
export function engineAddresses(env, home) {
  if (env.DOCKER_HOST) return [parseDockerHost(env.DOCKER_HOST, env)];
  const sockets = ['/var/run/docker.sock', join(home, '.docker/run/docker.sock'), join(home, '.docker/desktop/docker.sock')];
  if (env.XDG_RUNTIME_DIR) sockets.splice(1, 0, join(env.XDG_RUNTIME_DIR, 'docker.sock'));
  return sockets.map((socketPath) => ({ host: `unix://${socketPath}`, socketPath }));
}

/**
 * @param {string} host
 * @param {NodeJS.ProcessEnv} env
 * @returns {EngineAddress}
 * @throws {SetupError} when it is no address that we can speak to
 */
function parseDockerHost(host, { DOCKER_TLS_VERIFY, DOCKER_CERT_PATH }) {
  if (host.startsWith('unix://')) return { host, socketPath: host.slice('unix://'.length) };
  const match = /^(tcp|https?):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(host);
  if (match === null) throw new SetupError(`DOCKER_HOST is ${host}; it must look like unix:///path or tcp://host:port`);
  const [, scheme, name = '', port] = match;
  const tls = scheme === 'https' || Boolean(DOCKER_TLS_VERIFY);
  const certPath = tls && DOCKER_CERT_PATH ? { certPath: DOCKER_CERT_PATH } : {};
  return { host, hostname: name.replace(/^\[|\]$/g, ''), port: Number(port ?? (tls ? 2376 : 2375)), tls, ...certPath };
}

/**
 * The first address at which an engine answers.
 * @param {readonly EngineAddress[]} addresses
 * @returns {Promise<{ engine?: EngineAddress, denied: string[] }>} `denied`: sockets that we may not open
 */
export async function findEngine(addresses) {
  const denied = [];
  for (const engine of addresses) {
    if (engine.socketPath !== undefined && !existsSync(engine.socketPath)) continue;
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
export function callEngine({ socketPath, hostname, port, tls = false, certPath }, method, path, { timeoutMs = 30_000 } = {}) {
  return new Promise((resolve, reject) => {
    const target =
      socketPath === undefined ? { hostname, port, ...clientCertificate(certPath) } : { socketPath, headers: { host: 'docker' } };
    const options = { ...target, method, path, signal: AbortSignal.timeout(timeoutMs) };
    const call = (tls ? httpsRequest : httpRequest)(options, (answer) => {
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

/** @param {string | undefined} folder */
function clientCertificate(folder) {
  if (folder === undefined) return {};
  return {
    ca: readFileSync(join(folder, 'ca.pem')),
    cert: readFileSync(join(folder, 'cert.pem')),
    key: readFileSync(join(folder, 'key.pem')),
  };
}
