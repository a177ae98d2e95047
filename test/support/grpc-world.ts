import { createHash } from 'node:crypto';
import { FakeDriver, type FakeDriverOptions } from '../../src/driver/fake-driver.ts';
import { Executor, type ExecutorOptions } from '../../src/executor/executor.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/lib/logger.ts';
import { newId } from '../../src/main/new-id.ts';
import type { ExecutorId, Namespace, SandboxId, SnapshotId } from '../../src/model/ids.ts';
import type { Instruction, Work } from '../../src/model/instruction.ts';
import type { SandboxSpec } from '../../src/model/sandbox.ts';
import { GrpcServer, type GrpcServerOptions } from '../../src/server/grpc/grpc-server.ts';
import { RecordingGateway } from './grpc-gateway.ts';
import { TcpProxy } from './tcp-proxy.ts';

export const JOIN_TOKEN = 'join-me-4711';
export const HEARTBEAT_MS = 100;

export const SPEC: SandboxSpec = {
  image: 'sandglass-test/busybox:1',
  resources: { cpus: 1, memoryMb: 64 },
  env: { GREETING: 'hello' },
  secretNames: [],
  timeoutSecs: 0,
  onTimeout: 'terminate',
  network: { allowInternetAccess: true },
  exposedPorts: [],
};

/** A real server on a free port, a link that can be broken, real executors on fake engines, and a gateway that writes down. */
export class GrpcWorld {
  readonly gateway = new RecordingGateway();
  readonly log = new RecordingLog();
  server: GrpcServer;
  proxy!: TcpProxy;
  readonly #serverOptions: Partial<GrpcServerOptions>;
  readonly #running: { readonly executor: Executor; readonly done: Promise<void> }[] = [];

  private constructor(serverOptions: Partial<GrpcServerOptions>) {
    this.#serverOptions = serverOptions;
    this.server = this.#newServer();
  }

  static async start(serverOptions: Partial<GrpcServerOptions> = {}): Promise<GrpcWorld> {
    const world = new GrpcWorld(serverOptions);
    const { port } = await world.server.listen('127.0.0.1', 0);
    world.proxy = await TcpProxy.start({ host: '127.0.0.1', port });
    return world;
  }

  /** Where executors reach the server: through the link. */
  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
  }

  /** Stops the server, and starts another in its place, with the same gateway. */
  async restartServer(whileDown: () => Promise<void> = async () => {}): Promise<void> {
    await this.server.close(200);
    await whileDown();
    this.server = this.#newServer();
    const { port } = await this.server.listen('127.0.0.1', 0);
    this.proxy.target = { host: '127.0.0.1', port };
  }

  newExecutor(options: Partial<ExecutorOptions> & { fake?: FakeDriverOptions } = {}): TestExecutor {
    const { fake, ...overrides } = options;
    const driver = new FakeDriver(fake);
    const executorId = overrides.executorId ?? newId('executor');
    const executor = new Executor({
      executorId,
      hostname: 'test-host',
      version: '0.0.0-test',
      labels: { zone: 'a' },
      capacity: ({ cpus, memoryMb }) => ({ cpus: cpus * 8, memoryMb: memoryMb * 2, maxSandboxes: 200 }),
      driver,
      serverUrl: this.url,
      joinToken: JOIN_TOKEN,
      concurrency: { starts: 4, captures: 4 },
      clock: systemClock,
      random: () => 0,
      log: this.log,
      drainMs: 1_000,
      connectTimeoutMs: 1_000,
      welcomeTimeoutMs: 1_000,
      ...overrides,
    });
    const abort = new AbortController();
    const run = () => {
      const done = executor.run(abort.signal);
      this.#running.push({ executor, done });
      return done;
    };
    return { executorId, executor, driver: (overrides.driver as FakeDriver | undefined) ?? driver, run };
  }

  /** An executor that is connected. */
  async connectedExecutor(options: Parameters<GrpcWorld['newExecutor']>[0] = {}): Promise<TestExecutor> {
    const created = this.newExecutor(options);
    const before = this.connectionsOf(created.executorId);
    void created.run();
    await until(() => this.connectionsOf(created.executorId) > before);
    return created;
  }

  connectionsOf(executorId: ExecutorId): number {
    return this.gateway.of('connected').filter((call) => call.executorId === executorId).length;
  }

  /** Issues an operation with defaults for what does not matter. */
  issue(
    executorId: ExecutorId,
    work: Work,
    over: Partial<Pick<Instruction, 'sandboxId' | 'attempt' | 'timeoutMs' | 'id'>> = {},
  ): Instruction {
    const instruction: Instruction = {
      id: newId('operation'),
      executorId,
      namespace: 'default' as Namespace,
      sandboxId: newId('sandbox'),
      attempt: 1,
      deadlineAt: systemClock.now() + 60_000,
      timeoutMs: 60_000,
      ...work,
      ...over,
    };
    this.gateway.issue(instruction);
    return instruction;
  }

  /** Issues an operation and waits for its result. */
  async perform(executorId: ExecutorId, work: Work, over: Parameters<GrpcWorld['issue']>[2] = {}) {
    const instruction = this.issue(executorId, work, over);
    return this.resultOf(instruction);
  }

  async resultOf({ id }: Instruction) {
    await until(() => this.gateway.resultsOf(id).length > 0);
    const [result] = this.gateway.resultsOf(id);
    if (result === undefined) throw new Error('no result');
    return result;
  }

  async startSandbox(executorId: ExecutorId, sandboxId: SandboxId = newId('sandbox')): Promise<SandboxId> {
    await this.perform(executorId, { kind: 'start_sandbox', spec: SPEC, secretEnv: {} }, { sandboxId });
    return sandboxId;
  }

  async close(): Promise<void> {
    this.proxy.forward();
    await Promise.all(this.#running.map(({ executor }) => executor.close()));
    await Promise.all(this.#running.map(({ done }) => done));
    await this.server.close(200);
    await this.proxy.close();
  }

  #newServer(): GrpcServer {
    return new GrpcServer({
      gateway: this.gateway,
      clock: systemClock,
      log: this.log,
      joinTokenHash: `sha256:${createHash('sha256').update(JOIN_TOKEN).digest('hex')}`,
      heartbeatIntervalMs: HEARTBEAT_MS,
      firstMessageTimeoutMs: 500,
      tunnelOpenTimeoutMs: 500,
      tunnelAnswerTimeoutMs: 1_000,
      ...this.#serverOptions,
    });
  }
}

export interface TestExecutor {
  readonly executorId: ExecutorId;
  readonly executor: Executor;
  readonly driver: FakeDriver;
  /** Starts it; resolves when it has stopped. */
  run(): Promise<void>;
}

/** Keeps what is logged. */
export class RecordingLog implements Logger {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  debug = (fields: object, message: string) => this.#add('debug', fields, message);
  info = (fields: object, message: string) => this.#add('info', fields, message);
  warn = (fields: object, message: string) => this.#add('warn', fields, message);
  error = (fields: object, message: string) => this.#add('error', fields, message);

  child(): Logger {
    return this;
  }

  #add(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields, message });
  }
}

/** Resolves once `condition` holds; checked whenever other work has been done. @throws after `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export const createSnapshot = (snapshotId: SnapshotId): Work => ({
  kind: 'create_snapshot',
  snapshotId,
  imageRef: `sandglass/default:${snapshotId}`,
});
