import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectEngine, removeLabelled } from '../../test/support/engine.ts';
import { BareEngine, BENCH_LABEL } from './bare-engine.ts';
import type { BenchContext } from './benchmark.ts';
import type { HttpClient } from './http-client.ts';
import { SandglassProcess } from './sandglass-process.ts';

const NAMESPACE = '/v1/namespaces/default';
/** The executor makes the default image first, where there is none. */
const CONNECT_MS = 400_000;
const POLL_MS = 20;

/** `sandglass up` on the machine's engine, with a data folder and a network of its own, and the bare engine beside it. */
export class BenchWorld {
  readonly engine: BareEngine;
  /** A folder on this machine with nothing in it. */
  readonly emptyFolder: string;
  readonly #sandglass: SandglassProcess;

  private constructor(engine: BareEngine, sandglass: SandglassProcess, emptyFolder: string) {
    this.engine = engine;
    this.#sandglass = sandglass;
    this.emptyFolder = emptyFolder;
  }

  /** Runs `task` in a new world, and clears everything away, also when `task` throws or the signal aborts. */
  static async *use<T>({ signal }: BenchContext, task: (world: BenchWorld) => AsyncIterable<T>): AsyncGenerator<T> {
    const docker = await connectEngine();
    const label = `bench-${randomBytes(4).toString('hex')}`;
    const dataDir = await mkdtemp(join(tmpdir(), 'sandglass-bench-'));
    const engine = new BareEngine(label, process.env, signal);
    let sandglass: SandglassProcess | undefined;
    try {
      sandglass = await SandglassProcess.start({ command: 'up', dataDir, label, signal });
      const emptyFolder = join(dataDir, 'empty');
      await mkdir(emptyFolder);
      const world = new BenchWorld(engine, sandglass, emptyFolder);
      await world.#executorOnline();
      yield* task(world);
    } finally {
      await sandglass?.close();
      engine.close();
      await removeLabelled(docker, label, BENCH_LABEL);
      await rm(dataDir, { recursive: true, force: true });
    }
  }

  /** The client of the REST API. */
  get http(): HttpClient {
    return this.#sandglass.http;
  }

  /** Path of a sandbox's routes. */
  pathOf(sandboxId: string): string {
    return `${NAMESPACE}/sandboxes/${sandboxId}`;
  }

  /** Memory of the process that is server and executor; see `SandglassProcess.memory`. */
  memory(): Promise<{ residentMb: number; peakMb: number }> {
    return this.#sandglass.memory();
  }

  /** A sandbox of the default image that runs. @returns its id. */
  async createSandbox(body: object = {}): Promise<string> {
    const { sandbox_id } = await this.#post<{ sandbox_id: string; status: 'running' }>('/sandboxes?wait=running', body, 'running');
    return sandbox_id;
  }

  /** Takes a snapshot, and waits until it is active. @returns its id. */
  async createSnapshot(sandboxId: string): Promise<string> {
    return (await this.#post<{ snapshot_id: string }>(`/sandboxes/${sandboxId}/snapshots?wait=active`, {}, 'active')).snapshot_id;
  }

  /** Restores a snapshot, and waits until the sandbox runs. @returns the sandbox's id. */
  async restore(snapshotId: string): Promise<string> {
    return (await this.#post<{ sandbox_id: string }>(`/snapshots/${snapshotId}/restore?wait=running`, {}, 'running')).sandbox_id;
  }

  /** @returns the command's standard output. @throws Error when its exit code is not 0. */
  async exec(sandboxId: string, [cmd, ...args]: readonly [string, ...string[]]): Promise<string> {
    const path = `${NAMESPACE}/sandboxes/${sandboxId}/exec`;
    const result = await this.#sandglass.http.json<{ exit_code: number; stdout: string; stderr: string }>('POST', path, { cmd, args });
    if (result.exit_code !== 0) throw new Error(`${cmd} ended with ${result.exit_code}: ${result.stderr}`);
    return result.stdout;
  }

  /** Removes the snapshot, and waits until its image is gone. */
  async deleteSnapshot(snapshotId: string): Promise<void> {
    await this.#sandglass.http.json('DELETE', `${NAMESPACE}/snapshots/${snapshotId}?wait=gone`);
  }

  /** Stops the sandbox, and waits until its container is gone. */
  async deleteSandbox(sandboxId: string): Promise<void> {
    await this.#sandglass.http.json('DELETE', `${NAMESPACE}/sandboxes/${sandboxId}?wait=terminated`);
  }

  /** Name of the sandbox's container in the engine. */
  containerOf(sandboxId: string): string {
    return `sandglass-${sandboxId}`;
  }

  async #post<T extends object>(path: string, body: object, status: string): Promise<T> {
    const answer = await this.#sandglass.http.json<T & { status: string }>('POST', NAMESPACE + path, body);
    if (answer.status !== status) throw new Error(`POST ${path} was answered with the status ${answer.status}, not ${status}`);
    return answer;
  }

  async #executorOnline(): Promise<void> {
    const limit = performance.now() + CONNECT_MS;
    for (;;) {
      const { executors } = await this.#sandglass.http.json<{ executors: { status: string }[] }>('GET', '/v1/executors');
      if (executors.some(({ status }) => status === 'online')) return;
      if (performance.now() > limit) throw new Error(`the executor is not online after ${CONNECT_MS} ms`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
