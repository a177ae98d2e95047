import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { CliError, Interrupted } from '../failure.ts';
import { parseCount } from '../parse-values.ts';
import { requireTerminal, runTerminal } from '../process/terminal-session.ts';
import { openSession, type Session } from '../session.ts';
import { writeOut } from '../write-out.ts';

interface AttachOptions {
  readonly tty?: true;
  readonly from?: number;
}

const EXAMPLES = `
Examples:
  pid=$(sandglass exec --background sb-… -- make)
  sandglass attach --from 0 sb-… $pid`;

export function addAttach(parent: Command, cli: Cli): void {
  const command = parent
    .command('attach')
    .summary('show what a process prints')
    .description(
      'Show what a process in a sandbox prints, beginning with what nobody has seen yet, until it ends; then end with its exit code. ' +
        'Ctrl-C leaves it running.',
    )
    .argument('<sandbox>', 'its id')
    .argument('<pid>', 'the process, see `sandglass ps`', parseCount)
    .option('-t, --tty', 'take over its terminal: every key goes there, Ctrl-C too')
    .option('--from <byte>', 'begin with this byte of its output; 0 for all that is kept of it', parseCount)
    .addHelpText('after', EXAMPLES);
  command.action(async (sandboxId: string, pid: number, { tty, from }: AttachOptions) => {
    if (tty) requireTerminal(cli, 'leave out --tty');
    const session = await openSession(cli, command, { sockets: tty === true });
    const { sandglass, signal } = session;
    if (tty) cli.exitCode = await runTerminal(cli, (size) => sandglass.terminals.open(sandboxId, { ...size, pid }, { signal }));
    else cli.exitCode = await showOutput(cli, session, sandboxId, pid, from);
  });
}

async function showOutput(
  cli: Cli,
  { sandglass, signal }: Session,
  sandboxId: string,
  pid: number,
  from: number | undefined,
): Promise<number> {
  try {
    for await (const event of sandglass.processes.attach(sandboxId, pid, { from, signal })) {
      if ('exit' in event) return event.exit.exit_code;
      if ('stderr' in event) await writeOut(cli.stderr, event.stderr, signal);
      else if (!('start' in event)) await writeOut(cli.stdout, 'pty' in event ? event.pty : event.stdout, signal);
    }
    return 0;
  } catch (thrown) {
    if (!(signal.reason instanceof Interrupted)) throw thrown;
    throw new CliError(`interrupted; process ${pid} goes on`, { exitCode: 130 });
  }
}
