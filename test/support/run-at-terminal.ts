import { fileURLToPath } from 'node:url';
import { spawn } from '@lydell/node-pty';

const LAUNCHER = fileURLToPath(new URL('../../bin/sandglass.mjs', import.meta.url));

/** Shorter than the time that a test has, so that it tells what there was instead. */
const PATIENCE_MS = 20_000;

/** The CLI as a user sees it who sits at a terminal of 100 columns and 30 rows. */
export interface AtTerminal {
  readonly pid: number;
  type(text: string): void;
  resize(cols: number, rows: number): void;
  /** Resolves with all that was printed so far, once it matches. @throws when the CLI ends before that, or after 20 s, with what was printed. */
  shows(pattern: RegExp): Promise<string>;
  /** Resolves with the exit code, and with all that was printed. */
  readonly ended: Promise<{ readonly code: number; readonly printed: string }>;
}

/**
 * Runs `bin/sandglass.mjs` at a terminal. `stty` before and after it prints how the terminal is set; the two are the same when
 * the CLI has put everything back.
 */
export function runAtTerminal(args: readonly string[], env: Readonly<Record<string, string>>): AtTerminal {
  const script = 'stty -g; "$@"; code=$?; stty -g; exit $code';
  const terminal = spawn('/bin/sh', ['-c', script, 'sh', process.execPath, LAUNCHER, ...args], {
    cols: 100,
    rows: 30,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm', ...env },
  });
  let printed = '';
  let code: number | undefined;
  const waiting = new Set<() => void>();
  const tell = () => {
    for (const check of [...waiting]) check();
  };
  terminal.onData((chunk) => {
    printed += chunk;
    tell();
  });
  const ended = new Promise<{ code: number; printed: string }>((resolve) => {
    terminal.onExit(({ exitCode }) => {
      code = exitCode;
      tell();
      resolve({ code: exitCode, printed });
    });
  });
  return {
    pid: terminal.pid,
    type: (text) => terminal.write(text),
    resize: (cols, rows) => terminal.resize(cols, rows),
    ended,
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${pattern} in ${JSON.stringify(printed)}`)), PATIENCE_MS);
        const check = () => {
          if (pattern.test(printed)) resolve(printed);
          else if (code !== undefined) reject(new Error(`ended with ${code} after ${JSON.stringify(printed)}`));
          else return;
          clearTimeout(timer);
          waiting.delete(check);
        };
        waiting.add(check);
        check();
      }),
  };
}

/** How the terminal was set before and after, by what `runAtTerminal` has printed. */
export function settingsIn(printed: string): { before: string | undefined; after: string | undefined } {
  const settings = printed.match(/[0-9a-f]+(?::[0-9a-f]+){30,}/g) ?? [];
  return { before: settings[0], after: settings.at(-1) };
}
