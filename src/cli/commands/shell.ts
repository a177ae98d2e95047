import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { requireTerminal, runTerminal } from '../process/terminal-session.ts';
import { openSession } from '../session.ts';

interface ShellOptions {
  readonly user?: string;
  readonly cwd?: string;
}

const EXAMPLES = `
Examples:
  sandglass shell sb-…
  sandglass shell --user root --cwd /srv sb-… -- top`;

export function addShell(parent: Command, cli: Cli): void {
  const command = parent
    .command('shell')
    .summary('open a terminal in a sandbox')
    .description('Open a terminal in a sandbox. Every key goes there, Ctrl-C too. Ends when the shell does, and with its exit code.')
    .argument('<sandbox>', 'its id')
    .argument('[command...]', 'program to run instead of the shell, after --')
    .option('-u, --user <user>', 'user, a name or uid[:gid]')
    .option('-w, --cwd <path>', 'working directory')
    .addHelpText('after', EXAMPLES);
  command.action(async (sandboxId: string, [cmd, ...args]: string[], { user, cwd }: ShellOptions) => {
    requireTerminal(cli, 'where there is none, run commands with `sandglass exec`');
    const { sandglass, signal } = await openSession(cli, command, { sockets: true });
    const params = {
      ...(cmd !== undefined && { cmd, args }),
      ...(user !== undefined && { user }),
      ...(cwd !== undefined && { cwd }),
    };
    cli.exitCode = await runTerminal(cli, (size) => sandglass.terminals.open(sandboxId, { ...params, ...size }, { signal }));
  });
}
