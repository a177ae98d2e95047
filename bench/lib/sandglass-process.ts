import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BENCH_LABEL } from './bare-engine.ts';
import { HttpClient } from './http-client.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/sandglass.mjs', import.meta.url));
const READY_MS = 60_000;
const POLL_MS = 2;
const CLOSE_MS = 30_000;
const KEPT_LINES = 20;

export interface StartOptions {
  /** `up`: server and executor. */
  readonly command: 'server' | 'up';
  /** Gets the configuration, and holds all that is kept. */
  readonly dataDir: string;
  /** Value of the label on all that it makes in the engine, and name of its network there. */
  readonly label?: string;
  readonly signal: AbortSignal;
  /** For Node, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

/** The program as users start it, in a process of its own, on free ports. */
export class SandglassProcess {
  readonly http: HttpClient;
  /** From the start of the process until `GET /ready` was answered with 200, in milliseconds. */
  readonly readyMs: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, http: HttpClient, readyMs: number) {
    this.#child = child;
    this.http = http;
    this.readyMs = readyMs;
  }

  /** @throws Error with the last lines of its log when it does not come up. */
  static async start({ command, dataDir, label, signal, nodeArgs = [] }: StartOptions): Promise<SandglassProcess> {
    const config = await writeConfiguration(dataDir, label);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SANDGLASS_')));
    const startedAt = performance.now();
    const args = [...nodeArgs, PROGRAM, command, '--config', config];
    const child = spawn(process.execPath, args, { env, cwd: dataDir, stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      const http = new HttpClient(await listening(child, AbortSignal.any([signal, AbortSignal.timeout(READY_MS)])), signal);
      await untilReady(http, AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]));
      return new SandglassProcess(child, http, performance.now() - startedAt);
    } catch (error) {
      await end(child);
      throw error;
    }
  }

  /** Memory of the process that is in RAM now, and the most that ever was, in megabytes (10^6 bytes). */
  async memory(): Promise<{ residentMb: number; peakMb: number }> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    const field = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024) / 1e6;
    return { residentMb: field('VmRSS'), peakMb: field('VmHWM') };
  }

  async close(): Promise<void> {
    this.http.close();
    await end(this.#child);
  }
}

/** Writes the configuration of a server that keeps everything in `dataDir`. @returns the file's path. */
export async function writeConfiguration(dataDir: string, label = 'sandglass-bench'): Promise<string> {
  const config = {
    data_dir: dataDir,
    log: { level: 'info', format: 'json' },
    server: { listen: '127.0.0.1:0', executor_listen: '127.0.0.1:0', snapshots: { max_per_namespace: 10_000_000 } },
    executor: { engine_labels: { [BENCH_LABEL]: label }, network_name: label },
  };
  const path = join(dataDir, 'sandglass.yaml');
  await writeFile(path, JSON.stringify(config)); // JSON is YAML
  return path;
}

/** The address of the REST API, as the log tells. */
async function listening(child: ChildProcess, signal: AbortSignal): Promise<{ host: string; port: number }> {
  const output = child.stderr;
  if (output === null) throw new Error('the log of the process is not piped');
  const { promise, resolve, reject } = Promise.withResolvers<{ host: string; port: number }>();
  const tail: string[] = [];
  createInterface({ input: output }).on('line', (line) => {
    if (tail.push(line) > KEPT_LINES) tail.shift();
    const { msg, url } = parse(line);
    if (msg !== 'server is up' || url === undefined) return;
    const { hostname, port } = new URL(url);
    resolve({ host: hostname, port: Number(port) });
  });
  child.once('exit', (code) => reject(new Error(`sandglass ended with ${code} instead of coming up:\n${tail.join('\n')}`)));
  child.once('error', reject);
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return promise;
}

function parse(line: string): { msg?: string; url?: string } {
  try {
    return JSON.parse(line);
  } catch {
    return {}; // a line for people
  }
}

async function untilReady(http: HttpClient, signal: AbortSignal): Promise<void> {
  while ((await http.send('GET', '/ready')).status !== 200) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  const kill = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(kill);
}
