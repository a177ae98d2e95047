import type { Command } from 'commander';
import type { StartParams } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { CliError } from '../failure.ts';
import { collectVariables, parseDuration } from '../parse-values.ts';
import { CollectedOutput } from '../process/collected-output.ts';
import { followProcess } from '../process/follow.ts';
import { requireTerminal, runTerminal, terminalSize } from '../process/terminal-session.ts';
import { openSession, type Session } from '../session.ts';
import { isPiped } from '../standard-input.ts';
import { writeOut } from '../write-out.ts';

interface ExecOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: string;
  readonly interactive?: true;
  readonly tty?: true;
  readonly background?: true;
  readonly tag?: string;
  readonly timeout?: number;
}

/** What nearly every terminal understands. */
const DEFAULT_TERMINAL = 'xterm-256color';

const EXAMPLES = `
Examples:
  sandglass exec sb-… -- make -j4
  tar c src | sandglass exec sb-… -- tar x -C /srv
  sandglass exec --background --tag web sb-… -- python3 -m http.server`;

/** `sandglass exec`, and the same below `sandglass sandbox`. */
export function addExec(parent: Command, cli: Cli): void {
  const command = parent
    .command('exec')
    .summary('run a command in a sandbox')
    .description(
      'Run a command in a sandbox as if it ran here: what it prints, what is piped to it, signals such as that of Ctrl-C, and its exit ' +
        'code are passed through. A second Ctrl-C within 2 seconds kills it.',
    )
    .argument('<sandbox>', 'its id')
    .argument('<command...>', 'program and arguments; put -- before them when one of them begins with -')
    .option(
      '-e, --env <name=value>',
      'environment variable; NAME alone passes the one of this shell; repeatable',
      collectVariables(cli.env),
    )
    .option('-w, --cwd <path>', 'working directory')
    .option('-u, --user <user>', 'user, a name or uid[:gid]')
    .option('-i, --interactive', 'pass the standard input also when it is no pipe and no file')
    .option('-t, --tty', 'give it a terminal; see also `sandglass shell`')
    .option('-d, --background', 'leave it running and print its pid; see `sandglass attach`')
    .option('--tag <name>', 'a name to find it by in `sandglass ps`')
    .option('--timeout <duration>', 'kill it after this long, such as 30s', parseDuration)
    .addHelpText('after', EXAMPLES);
  command.action(async (sandboxId: string, words: string[], options: ExecOptions) => {
    if (options.tty && options.background) {
      throw new CliError('--tty and --background do not go together', { exitCode: EXIT.usage });
    }
    const session = await openSession(cli, command, { sockets: options.tty === true });
    const params = startParams(words, options);
    if (options.background) await startInBackground(cli, session, sandboxId, params);
    else if (options.tty) cli.exitCode = await execAtTerminal(cli, session, sandboxId, params);
    else if (session.json) await execToJson(cli, session, sandboxId, withInput(cli, params, options));
    else cli.exitCode = await exec(cli, session, sandboxId, withInput(cli, params, options));
  });
}

function startParams([cmd = '', ...args]: readonly string[], { env, cwd, user, tag, timeout }: ExecOptions): StartParams {
  return {
    cmd,
    args,
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
    ...(user !== undefined && { user }),
    ...(tag !== undefined && { tag }),
    ...(timeout !== undefined && { timeout_secs: timeout }),
  };
}

function withInput(cli: Cli, params: StartParams, { interactive }: ExecOptions): StartParams {
  return interactive || isPiped(cli.stdin) ? { ...params, stdin: true } : params;
}

async function startInBackground(cli: Cli, { sandglass, json, signal }: Session, sandboxId: string, params: StartParams): Promise<void> {
  const process = await sandglass.processes.start(sandboxId, params, { signal });
  if (json) cli.printJson(process);
  else cli.print(String(process.pid));
}

function exec(cli: Cli, session: Session, sandboxId: string, params: StartParams): Promise<number> {
  return followProcess({
    cli,
    session,
    sandboxId,
    events: (signal) => session.sandglass.processes.run(sandboxId, params, { signal }),
    write: (stream, bytes, signal) => writeOut(cli[stream], bytes, signal),
    input: params.stdin === true,
    owned: true,
  });
}

async function execToJson(cli: Cli, session: Session, sandboxId: string, params: StartParams): Promise<void> {
  const started = cli.now();
  const output = { stdout: new CollectedOutput(), stderr: new CollectedOutput() };
  cli.exitCode = await followProcess({
    cli,
    session,
    sandboxId,
    events: (signal) => session.sandglass.processes.run(sandboxId, params, { signal }),
    write: (stream, bytes) => output[stream].add(bytes),
    input: params.stdin === true,
    owned: true,
  });
  cli.printJson({
    exit_code: cli.exitCode,
    stdout: output.stdout.text(),
    stderr: output.stderr.text(),
    stdout_truncated: output.stdout.truncated,
    stderr_truncated: output.stderr.truncated,
    duration_ms: cli.now() - started,
  });
}

/** The process is started by itself, because a terminal that is opened with it takes no environment; its terminal is then attached to. */
async function execAtTerminal(cli: Cli, { sandglass, signal }: Session, sandboxId: string, params: StartParams): Promise<number> {
  requireTerminal(cli, 'leave out --tty');
  const env = { TERM: cli.env.TERM || DEFAULT_TERMINAL, ...params.env };
  const { pid } = await sandglass.processes.start(sandboxId, { ...params, env, stdin: true, pty: terminalSize(cli) }, { signal });
  let exitCode: number | undefined;
  try {
    exitCode = await runTerminal(cli, (size) => sandglass.terminals.open(sandboxId, { ...size, pid }, { signal }));
    return exitCode;
  } finally {
    if (exitCode === undefined) await sandglass.processes.signal(sandboxId, pid, 'SIGHUP').catch(() => {});
  }
}
