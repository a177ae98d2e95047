import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { onTestFailed, vi } from 'vitest';
import { Sandglass } from '../../sdk/src/index.ts';
import { connectEngine, removeLabelled, TEST_LABEL } from './engine.ts';
import { TestImages } from './images.ts';
import { SystemProcess } from './system-process.ts';

const FOLDER_PREFIX = 'sandglass-system-';
const READY_MS = 60_000;
const SHOWN_LOG_LINES = 80;

export interface SystemOptions {
  /** `up`: server and executor in one process; `apart`: one each. */
  readonly shape: 'up' | 'apart';
  /** On top of what the system needs to be apart from others on this machine; by section, as in the file. */
  readonly config?: { readonly server?: object; readonly executor?: object };
  /** Of the client, where the configuration asks for one. */
  readonly apiKey?: string;
}

/**
 * The whole product as an operator runs it: processes of its command line on free ports, with a data folder, a network and
 * images of their own, on the machine's engine.
 */
export class System {
  readonly docker: Docker;
  readonly images: TestImages;
  /** Value of the test label on everything in the engine. */
  readonly label: string;
  readonly url: string;
  readonly server: SystemProcess;
  /** With `up`, the same process as `server`. */
  readonly executor: SystemProcess;
  /** A client that gives up at the first failure: what it was answered is what happened. */
  readonly client: Sandglass;
  readonly #folder: string;
  readonly #config: { readonly server: object; readonly executor: object };
  /** Every process that was ever added. */
  readonly #processes: SystemProcess[] = [];
  /** Epoch milliseconds of the latest start of a process. */
  #startedAt = 0;

  private constructor(parts: {
    docker: Docker;
    images: TestImages;
    label: string;
    ports: readonly [number, number];
    options: SystemOptions;
  }) {
    const { docker, images, label, ports, options } = parts;
    this.docker = docker;
    this.images = images;
    this.label = label;
    this.#folder = folderOf(label);
    this.url = `http://127.0.0.1:${ports[0]}`;
    this.client = new Sandglass({ url: this.url, namespace: 'default', apiKey: options.apiKey, retry: { maxAttempts: 1 } });
    this.#config = {
      server: {
        listen: `127.0.0.1:${ports[0]}`,
        executor_listen: `127.0.0.1:${ports[1]}`,
        default_image: images.busybox,
        default_resources: { cpus: 1, memory_mb: 128 },
        ...options.config?.server,
      },
      executor: {
        server_url: `http://127.0.0.1:${ports[1]}`,
        engine_labels: { [TEST_LABEL]: label },
        network_name: `sandglass-${label}`,
        ...options.config?.executor,
      },
    };
    const isUp = options.shape === 'up';
    this.server = this.#process('main', [isUp ? 'up' : 'server']);
    this.executor = isUp ? this.server : this.#process('main', ['executor']);
  }

  /** Starts it. @param suite a short name, for the label by which all of it is found. */
  static async start(suite: string, options: SystemOptions): Promise<System> {
    const docker = await connectEngine();
    await sweep(docker);
    const label = `${suite}-${process.pid}-${randomBytes(4).toString('hex')}`;
    await mkdir(folderOf(label));
    const images = await TestImages.create(docker, label);
    const system = new System({ docker, images, label, ports: [await freePort(), await freePort()], options });
    try {
      await system.#writeConfig('main', {});
      await system.run();
    } catch (error) {
      await system.close();
      throw error;
    }
    return system;
  }

  /** Folder of what server and executor keep. */
  get dataDir(): string {
    return join(this.#folder, 'main');
  }

  /** The file that server and executor are configured with. */
  get configFile(): string {
    return join(this.#folder, 'main.yaml');
  }

  /** Starts what does not run, and waits until commands can be run. */
  async run(): Promise<void> {
    for (const process of new Set([this.server, this.executor])) {
      if (process.isRunning) continue;
      this.#startedAt = Date.now();
      process.start();
    }
    await this.ready();
  }

  /** Waits until the executor is connected, with a session that is younger than the latest start of a process. */
  async ready(): Promise<void> {
    const check = async () => {
      if (!this.server.isRunning || !this.executor.isRunning) return 'a process has ended';
      const id = (await readFile(join(this.dataDir, 'executor/executor-id'), 'utf8')).trim();
      const { status, status_changed_at } = await this.client.executors.get(id);
      if (status === 'online' && status_changed_at >= this.#startedAt) return undefined;
      throw new Error(`the executor is ${status}`);
    };
    const ended = await vi.waitFor(check, { timeout: READY_MS, interval: 50 });
    if (ended !== undefined) throw new Error(`${ended}\n${await this.log()}`);
  }

  /** Another executor of the same server, with a data folder of its own; not started yet. */
  async addExecutor(name: string, settings: object): Promise<SystemProcess> {
    await this.#writeConfig(name, settings);
    return this.#process(name, ['executor']);
  }

  /** What the processes have printed. */
  async printed(): Promise<string> {
    return (await Promise.all(this.#processes.map((process) => process.printed()))).join('');
  }

  /** The end of what each process has printed, for people. */
  async log(): Promise<string> {
    const parts = this.#processes.map(async (process) => {
      const lines = (await process.printed()).trimEnd().split('\n');
      return [`── ${process.name}`, ...lines.slice(-SHOWN_LOG_LINES)].join('\n');
    });
    return (await Promise.all(parts)).join('\n');
  }

  /** Shows the log should the running test fail. For `beforeEach`. */
  showLogOnFailure(): void {
    onTestFailed(async () => {
      console.error(await this.log());
    });
  }

  /** What of it the engine holds: names of containers, and references of images other than the tests' own. */
  async inEngine(): Promise<{ containers: string[]; images: string[] }> {
    const filters = JSON.stringify({ label: [`${TEST_LABEL}=${this.label}`] });
    const [containers, images] = await Promise.all([
      this.docker.listContainers({ all: true, filters }),
      this.docker.listImages({ all: true, filters }),
    ]);
    return {
      containers: containers.flatMap(({ Names }) => Names).sort(),
      images: images
        .map(({ Id, RepoTags }) => RepoTags?.[0] ?? Id)
        .filter((name) => !name.startsWith('sandglass-test/'))
        .sort(),
    };
  }

  async close(): Promise<void> {
    for (const process of this.#processes) await process.kill();
    await removeLabelled(this.docker, this.label);
    await rm(this.#folder, { recursive: true, force: true });
  }

  #process(name: string, command: readonly string[]): SystemProcess {
    const process = new SystemProcess({
      command,
      config: join(this.#folder, `${name}.yaml`),
      logFile: join(this.#folder, `${name}-${command[0]}.log`),
    });
    this.#processes.push(process);
    return process;
  }

  /** JSON is YAML too. */
  async #writeConfig(name: string, executor: object): Promise<void> {
    const { server } = this.#config;
    const config = { data_dir: name, log: { level: 'debug', format: 'json' }, server, executor: { ...this.#config.executor, ...executor } };
    await writeFile(join(this.#folder, `${name}.yaml`), JSON.stringify(config));
  }
}

function folderOf(label: string): string {
  return join(tmpdir(), `${FOLDER_PREFIX}${label}`);
}

/** Removes what was left by test processes that were killed. */
async function sweep(docker: Docker): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, label, pid] = /^sandglass-system-(.+-(\d+)-[0-9a-f]{8})$/.exec(name) ?? [];
    if (label === undefined || isAlive(Number(pid))) continue;
    await removeLabelled(docker, label);
    await rm(folderOf(label), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A port that is free now, below those that the system takes for connections: it stays free while its process is restarted. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
