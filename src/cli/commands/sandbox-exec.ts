import type { Command } from 'commander';
import type { ExecParams } from '../../../sdk/src/index.ts';
import type { Cli, OutputStream } from '../cli.ts';
import { CliError } from '../failure.ts';
import { collectVariables, parseDuration } from '../parse-values.ts';
import { openSession } from '../session.ts';

/** A request takes 1 MiB; base64 makes four bytes of three, and the command line needs room too. */
const MAX_STDIN_BYTES = 640 * 1024;
/** The server's bound: a command at a terminal should not end by itself. */
const DEFAULT_TIMEOUT_SECS = 86_400;

interface ExecOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: string;
  readonly interactive?: true;
  readonly timeout: number;
}

export function addSandboxExec(parent: Command, cli: Cli): void {
  const command = parent
    .command('exec')
    .summary('run a command in a sandbox')
    .description('Run a command in a sandbox, show what it prints as it prints it, and end with its exit code. Ctrl-C kills it.')
    .argument('<sandbox>', 'its id')
    .argument('<command...>', 'program and arguments; put -- before them when one of them begins with -')
    .option(
      '-e, --env <name=value>',
      'environment variable; NAME alone passes the one of this shell; repeatable',
      collectVariables(cli.env),
    )
    .option('-w, --cwd <path>', 'working directory')
    .option('-u, --user <user>', 'user, a name or uid[:gid]')
    .option('-i, --interactive', 'pass the standard input, to its end, to the command')
    .option('--timeout <duration>', 'kill it after this long, such as 30s', parseDuration, DEFAULT_TIMEOUT_SECS);
  command.action(async (sandboxId: string, words: string[], options: ExecOptions) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const params = await execParams(cli, words, options);
    if (json) {
      const result = await sandglass.sandboxes.exec(sandboxId, params, { signal });
      cli.printJson(result);
      cli.exitCode = result.exit_code;
      return;
    }
    for await (const event of sandglass.sandboxes.execStream(sandboxId, { ...params, encoding: 'base64' }, { signal })) {
      if ('stdout' in event) await write(cli.stdout, Buffer.from(event.stdout, 'base64'));
      else if ('stderr' in event) await write(cli.stderr, Buffer.from(event.stderr, 'base64'));
      else cli.exitCode = event.exit.exit_code;
    }
  });
}

async function execParams(cli: Cli, [cmd = '', ...args]: readonly string[], options: ExecOptions): Promise<ExecParams> {
  return {
    cmd,
    args,
    ...(options.env && { env: options.env }),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...(options.user !== undefined && { user: options.user }),
    ...(options.interactive && { stdin: await readStdin(cli), stdin_encoding: 'base64' as const }),
    timeout_secs: options.timeout,
  };
}

/** Standard input to its end, in base64. */
async function readStdin(cli: Cli): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of cli.stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_STDIN_BYTES)
      throw new CliError(`standard input is longer than ${MAX_STDIN_BYTES / 1024} KiB`, {
        hint: 'fetch it from within the sandbox instead',
      });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('base64');
}

/** Resolves when more can be written, so that a slow reader slows the command down instead of filling memory here. */
async function write(stream: OutputStream, bytes: Buffer): Promise<void> {
  if (!stream.write(bytes)) await new Promise<void>((resolve) => stream.once('drain', resolve));
}
