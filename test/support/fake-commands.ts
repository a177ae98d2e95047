import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { FakeFiles } from '../../src/driver/fake-engine.ts';

/** What a command of a fake guest works with. */
export interface FakeProcess {
  /** Without the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The sandbox's files; changes are seen at once. */
  readonly files: FakeFiles;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborts when the command is killed. */
  readonly signal: AbortSignal;
}

/** Runs a command. @returns its exit status. */
export type FakeCommand = (process: FakeProcess) => Promise<number> | number;

/** The programs that every fake image holds. They do what their namesakes do, as far as tests need it. */
export const FAKE_COMMANDS: Readonly<Record<string, FakeCommand>> = {
  true: () => 0,
  false: () => 1,
  echo: async ({ args, stdout }) => {
    await write(stdout, `${args.join(' ')}\n`);
    return 0;
  },
  env: async ({ env, stdout }) => {
    for (const [name, value] of Object.entries(env)) await write(stdout, `${name}=${value}\n`);
    return 0;
  },
  cat: async ({ args, files, stdin, stdout, stderr }) => {
    if (args.length === 0) {
      for await (const chunk of stdin) await write(stdout, chunk);
      return 0;
    }
    for (const path of args) {
      const content = files.get(path);
      if (content === undefined) {
        await write(stderr, `cat: can't open '${path}': No such file or directory\n`);
        return 1;
      }
      await write(stdout, content);
    }
    return 0;
  },
  tee: async ({ args: [path], files, stdin, stdout }) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stdin) {
      chunks.push(chunk);
      await write(stdout, chunk);
    }
    if (path !== undefined) files.set(path, Buffer.concat(chunks));
    return 0;
  },
  rm: ({ args, files }) => {
    for (const path of args) files.delete(path);
    return 0;
  },
  /** Sleeps until it is killed, however short a time is asked for: a fake knows no clock. */
  sleep: ({ signal }) =>
    new Promise((resolve) => {
      if (signal.aborted) resolve(137);
      signal.addEventListener('abort', () => resolve(137), { once: true });
    }),
  sh: async (process) => {
    const [flag, script] = process.args;
    return flag === '-c' && script !== undefined ? runScript(script, process) : 2;
  },
};

/** Enough of a shell for tests: commands joined by `&&` or `;`, `exit n`, `>&2`, `> file`, quotes that only group. */
async function runScript(script: string, process: FakeProcess): Promise<number> {
  let status = 0;
  for (const [, joint, text = ''] of script.matchAll(/(^|&&|;)((?:'[^']*'|"[^"]*"|[^;&'"]|&(?!&))*)/g)) {
    if (joint === '&&' && status !== 0) continue;
    const words = [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
    if (words.length === 0) continue;
    if (words[0] === 'exit') return Number(words[1] ?? status);
    status = await runLine(words, process);
  }
  return status;
}

async function runLine(words: string[], process: FakeProcess): Promise<number> {
  const toStderr = words.includes('>&2');
  const redirect = words.indexOf('>');
  const target = redirect < 0 ? undefined : words[redirect + 1];
  const [program = '', ...args] = (redirect < 0 ? words : words.slice(0, redirect)).filter((word) => word !== '>&2');
  const command = FAKE_COMMANDS[program];
  if (command === undefined) {
    await write(process.stderr, `sh: ${program}: not found\n`);
    return 127;
  }
  if (target === undefined) return command({ ...process, args, stdout: toStderr ? process.stderr : process.stdout });
  const captured = new PassThrough({ highWaterMark: Number.MAX_SAFE_INTEGER });
  const status = await command({ ...process, args, stdout: captured });
  process.files.set(target, captured.read() ?? Buffer.alloc(0));
  return status;
}

function write(stream: Writable, chunk: string | Buffer): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve();
  if (stream.write(chunk)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}
