import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
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
  /** Written to standard input, which is then closed; `none` for `/dev/null`, `open` for a pipe that is left to `onStart`. */
  readonly stdin?: string | Uint8Array | { readonly how: 'none' | 'open' };
  /** Called with the process when it has started. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Arguments of node itself, before the launcher. */
  readonly nodeArgs?: readonly string[];
}

/** Runs `bin/sandglass.mjs` to its end, as a user would. */
export async function runCli(args: readonly string[], options: RunCliOptions = {}): Promise<CliResult> {
  const { code, stdout, stderr } = await runCliForBytes(args, options);
  return { code, stdout: stdout.toString(), stderr };
}

/** The same, with what it printed byte by byte. */
export async function runCliForBytes(
  args: readonly string[],
  { env = {}, stdin = '', onStart, nodeArgs = [] }: RunCliOptions = {},
): Promise<{ readonly code: number | null; readonly stdout: Buffer; readonly stderr: string }> {
  const how = typeof stdin === 'object' && 'how' in stdin ? stdin.how : undefined;
  const child = spawn(process.execPath, [...nodeArgs, LAUNCHER, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: [how === 'none' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  child.stdin?.on('error', () => {}); // it may end without reading
  if (how === undefined) child.stdin?.end(stdin);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  onStart?.(child);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
}
