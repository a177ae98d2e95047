import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const LAUNCHER = fileURLToPath(new URL('../../bin/sandglass.mjs', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunCliOptions {
  /** On top of a nearly empty environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed. */
  readonly stdin?: string | Uint8Array;
  /** Called with the process when it has started. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Arguments of node itself, before the launcher. */
  readonly nodeArgs?: readonly string[];
}

/** Runs `bin/sandglass.mjs` to its end, as a user would. */
export async function runCli(
  args: readonly string[],
  { env = {}, stdin = '', onStart, nodeArgs = [] }: RunCliOptions = {},
): Promise<CliResult> {
  const child = spawn(process.execPath, [...nodeArgs, LAUNCHER, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(stdin);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  onStart?.(child);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}
