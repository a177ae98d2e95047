import { spawnSync } from 'node:child_process';
import type { Terminal, TerminalSize } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { CliError, Interrupted } from '../failure.ts';
import { writeOut } from '../write-out.ts';

/** What a program that could not clean up may have left: the alternate screen, a hidden cursor, mouse reports, bracketed paste, colours. */
const RESET = ['?1049l', '?25h', '?1000l', '?1002l', '?1003l', '?1006l', '?2004l', '0m'].map((code) => `\u001b[${code}`).join('');
const DEFAULT_SIZE = { cols: 80, rows: 24 };

/** @throws CliError when this process is not at a terminal; `instead` says what to do then. */
export function requireTerminal(cli: Cli, instead: string): void {
  if (cli.stdin.isTTY === true && cli.stdout.isTTY === true) return;
  throw new CliError('this needs a terminal, for input and for output', { hint: instead, exitCode: EXIT.usage });
}

export function terminalSize({ stdout }: Cli): TerminalSize {
  return { cols: stdout.columns || DEFAULT_SIZE.cols, rows: stdout.rows || DEFAULT_SIZE.rows };
}

/**
 * Connects this terminal with one in a sandbox until its program ends; every key goes there, Ctrl-C too. Resolves with the exit code.
 * However it ends, this terminal is again as it was. @throws what `open` and the connection throw; Interrupted by a signal.
 */
export async function runTerminal(cli: Cli, open: (size: TerminalSize) => Promise<Terminal>): Promise<number> {
  const terminal = await open(terminalSize(cli));
  const end = new AbortController();
  const signal = AbortSignal.any([cli.signal, end.signal]);
  const release = cli.takeSignals((name) => end.abort(new Interrupted(name)));
  const close = () => terminal.close();
  signal.addEventListener('abort', close, { once: true });
  const stopInput = passKeys(cli, terminal);
  try {
    for await (const bytes of terminal.output()) await writeOut(cli.stdout, bytes, signal);
    return terminal.exitCode ?? 0;
  } catch (thrown) {
    throw signal.aborted ? signal.reason : thrown;
  } finally {
    stopInput();
    if (terminal.exitCode === undefined) cli.stdout.write(`${RESET}\r\n`);
    release();
    signal.removeEventListener('abort', close);
    terminal.close();
  }
}

/**
 * Node's raw mode still puts a carriage return before every line feed, which the terminal in the sandbox has done, or has been told not to
 * do. Undone with the raw mode. Where there is no `stty`, some full-screen programs look ragged.
 */
function leaveOutputAsItIs(): void {
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
}

/** Sends what is typed, and the size whenever it changes. Returns how to stop. */
function passKeys({ stdin, stdout }: Cli, terminal: Terminal): () => void {
  const size = () => ({ cols: stdout.columns || DEFAULT_SIZE.cols, rows: stdout.rows || DEFAULT_SIZE.rows });
  // What can't be sent is told by the end of the output.
  const resize = () => void terminal.resize(size()).catch(() => {});
  const type = (chunk: Buffer) => {
    stdin.pause();
    void terminal.write(chunk).then(
      () => stdin.resume(),
      () => {},
    );
  };
  stdin.setRawMode?.(true);
  leaveOutputAsItIs();
  stdin.on('data', type);
  stdout.on('resize', resize);
  resize(); // it may have changed while the connection was made
  return () => {
    stdin.off('data', type);
    stdout.off('resize', resize);
    stdin.setRawMode?.(false);
    stdin.destroy?.();
  };
}
