import { HttpClient } from './http-client.ts';

/** Label of everything that a benchmark makes in the engine. Not the tests' label: `npm test` removes what carries that. */
export const BENCH_LABEL = 'dev.sandglass.bench';

const STDOUT = 1;

export interface ContainerInfo {
  readonly Id: string;
  readonly Image: string;
  readonly Config: Record<string, unknown>;
  readonly HostConfig: Record<string, unknown> & { readonly Mounts: readonly { readonly Source: string }[] };
}

/** The Docker Engine API over its unix socket, with nothing of Sandglass in between: the baseline. */
export class BareEngine {
  /** Value of `BENCH_LABEL` on what is made here. */
  readonly label: string;
  readonly #http: HttpClient;

  /** `env.DOCKER_HOST` names the engine; the usual socket otherwise. @throws Error for an engine behind anything but a unix socket. */
  constructor(label: string, env: NodeJS.ProcessEnv, signal: AbortSignal) {
    const { DOCKER_HOST: url = 'unix:///var/run/docker.sock' } = env;
    if (!url.startsWith('unix://')) throw new Error(`the baseline needs an engine behind a unix socket, not at ${url}`);
    this.label = label;
    this.#http = new HttpClient({ socketPath: url.slice('unix://'.length) }, signal);
  }

  async version(): Promise<string> {
    const { Version, ApiVersion } = await this.#http.json<{ Version: string; ApiVersion: string }>('GET', '/version');
    return `Docker Engine ${Version}, API ${ApiVersion}`;
  }

  inspect(container: string): Promise<ContainerInfo> {
    return this.#http.json('GET', `/containers/${container}/json`);
  }

  /** Commits the container to an image with a name, as `docker commit` does. @returns the image's id. */
  async commit(container: string, name: string): Promise<string> {
    const query = new URLSearchParams({ container, repo: `sandglass-bench/${this.label}`, tag: name, pause: '1' });
    query.set('changes', `LABEL ${BENCH_LABEL}=${this.label}`);
    return (await this.#http.json<{ Id: string }>('POST', `/commit?${query}`, {})).Id;
  }

  /** @returns the container's id. */
  async create(config: Record<string, unknown>): Promise<string> {
    return (await this.#http.json<{ Id: string }>('POST', '/containers/create', { ...config, Labels: { [BENCH_LABEL]: this.label } })).Id;
  }

  async start(container: string): Promise<void> {
    await this.#http.json('POST', `/containers/${container}/start`);
  }

  /** Runs a command to its end, as `docker exec` does, and returns its standard output. @throws Error when its exit code is not 0. */
  async exec(container: string, command: readonly string[]): Promise<string> {
    const wanted = { Cmd: command, AttachStdout: true, AttachStderr: true };
    const { Id } = await this.#http.json<{ Id: string }>('POST', `/containers/${container}/exec`, wanted);
    const { body } = await this.#http.send('POST', `/exec/${Id}/start`, { Detach: false, Tty: false });
    const { ExitCode } = await this.#http.json<{ ExitCode: number }>('GET', `/exec/${Id}/json`);
    if (ExitCode !== 0) throw new Error(`${command.join(' ')} ended with ${ExitCode}: ${body}`);
    return standardOutput(body);
  }

  /** Process id of the container's first process on this host. */
  async mainPid(container: string): Promise<number> {
    return (await this.#http.json<{ State: { Pid: number } }>('GET', `/containers/${container}/json`)).State.Pid;
  }

  /** Extracts a tar archive in a folder of the container, as `docker cp` does. */
  async putArchive(container: string, folder: string, archive: Buffer): Promise<void> {
    const path = `/containers/${container}/archive?path=${encodeURIComponent(folder)}`;
    const { status, body } = await this.#http.upload('PUT', path, archive, 1);
    if (status !== 200) throw new Error(`PUT archive was answered with ${status}: ${body}`);
  }

  /** Reads a file of the container as a tar archive, as `docker cp` does. @returns its size. */
  async getArchive(container: string, path: string): Promise<number> {
    const { status, sizeBytes } = await this.#http.download(`/containers/${container}/archive?path=${encodeURIComponent(path)}`);
    if (status !== 200) throw new Error(`GET archive was answered with ${status}`);
    return sizeBytes;
  }

  async removeContainer(container: string): Promise<void> {
    await this.#http.json('DELETE', `/containers/${container}?force=1&v=1`);
  }

  async removeImage(image: string): Promise<void> {
    await this.#http.json('DELETE', `/images/${image}?force=1`);
  }

  close(): void {
    this.#http.close();
  }
}

/** Source: Docker Engine API, "Attach to a container": frames of a stream number, three zero bytes, a length and as many bytes. */
function standardOutput(frames: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= frames.length; ) {
    const end = at + 8 + frames.readUInt32BE(at + 4);
    if (frames[at] === STDOUT) parts.push(frames.subarray(at + 8, end));
    at = end;
  }
  return Buffer.concat(parts).toString();
}
