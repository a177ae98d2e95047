import { readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';

/** The part of the environment that says where an engine is. */
export interface EngineEnvironment {
  readonly DOCKER_HOST?: string | undefined;
  readonly DOCKER_TLS_VERIFY?: string | undefined;
  readonly DOCKER_CERT_PATH?: string | undefined;
  readonly XDG_RUNTIME_DIR?: string | undefined;
  readonly HOME?: string | undefined;
}

/** A place where an engine may be, and why we look there. */
interface Candidate {
  readonly url: string;
  readonly source: string;
}

/**
 * Connects to the first engine that answers. An engine that is named, by `explicit` or DOCKER_HOST, is the only one that is
 * tried: falling back to another would run sandboxes where nobody expects them.
 * @param explicit `unix:///path` or `tcp://host:port`.
 * @throws SandglassError `engine_unavailable`, with what was tried and what to do; `invalid_config`.
 */
export async function findEngine(explicit: string | undefined, env: EngineEnvironment, signal: AbortSignal): Promise<Docker> {
  const named = namedEngine(explicit, env);
  const tried: string[] = [];
  for (const candidate of named === undefined ? usualPlaces(env) : [named]) {
    if (named === undefined && !(await socketExists(candidate.url))) continue;
    const docker = new Docker(connectionOptions(candidate, env));
    try {
      await ping(docker, { abortSignal: signal });
      return docker;
    } catch (error) {
      signal.throwIfAborted();
      tried.push(`${candidate.url} (${candidate.source}): ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const remedy = 'start Docker (on Debian: apt-get install docker.io; systemctl start docker), or set DOCKER_HOST';
  const found = tried.length === 0 ? 'no socket of one was found' : tried.join('; ');
  throw new SandglassError('engine_unavailable', `no container engine answers: ${found}. To fix it, ${remedy}.`);
}

/** The types of dockerode leave out that `ping` takes options. */
function ping(docker: Docker, options: { abortSignal: AbortSignal }): Promise<unknown> {
  return (docker.ping as unknown as (this: Docker, options: object) => Promise<unknown>).call(docker, options);
}

function namedEngine(explicit: string | undefined, { DOCKER_HOST }: EngineEnvironment): Candidate | undefined {
  if (explicit) return { url: explicit, source: 'configured' };
  if (DOCKER_HOST) return { url: DOCKER_HOST, source: 'DOCKER_HOST' };
  return undefined;
}

/** In the order in which Docker's own tools and Docker Desktop use them. */
function usualPlaces({ XDG_RUNTIME_DIR, HOME }: EngineEnvironment): Candidate[] {
  return [
    { url: 'unix:///var/run/docker.sock', source: 'the usual socket' },
    ...(XDG_RUNTIME_DIR ? [{ url: `unix://${join(XDG_RUNTIME_DIR, 'docker.sock')}`, source: 'rootless Docker' }] : []),
    ...(HOME ? [{ url: `unix://${join(HOME, '.docker/run/docker.sock')}`, source: 'Docker Desktop' }] : []),
  ];
}

async function socketExists(url: string): Promise<boolean> {
  try {
    await access(new URL(url).pathname);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** Every field that docker-modem would otherwise fill from DOCKER_HOST is set, because it mixes the two. */
export function connectionOptions({ url, source }: Candidate, env: EngineEnvironment): Docker.DockerOptions {
  const nothing = { socketPath: undefined, host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined };
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'unix:' && parsed.pathname !== '') {
    return { ...nothing, socketPath: decodeURIComponent(parsed.pathname), protocol: 'http' };
  }
  if (parsed?.protocol === 'tcp:' || parsed?.protocol === 'http:' || parsed?.protocol === 'https:') {
    const tls = parsed.protocol === 'https:' || Boolean(env.DOCKER_TLS_VERIFY);
    const port = parsed.port || (tls ? '2376' : '2375');
    return { ...nothing, ...(tls && certificates(env)), host: parsed.hostname, port, protocol: tls ? 'https' : 'http' };
  }
  throw new SandglassError(
    'invalid_config',
    `the engine's address ${JSON.stringify(url)} (${source}) must look like unix:///path or tcp://host:port`,
  );
}

function certificates({ DOCKER_CERT_PATH }: EngineEnvironment): Pick<Docker.DockerOptions, 'ca' | 'cert' | 'key'> {
  if (!DOCKER_CERT_PATH) return {};
  const read = (name: string) => readFileSync(join(DOCKER_CERT_PATH, name));
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}
