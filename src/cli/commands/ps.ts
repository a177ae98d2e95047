import type { Command } from 'commander';
import type { SandboxProcess } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { formatList } from '../format/lists.ts';
import { printable } from '../format/printable.ts';
import { renderTable } from '../format/table.ts';
import { openSession } from '../session.ts';

export function addPs(parent: Command, cli: Cli): void {
  const command = parent
    .command('ps')
    .summary('list the processes of a sandbox')
    .description('List the processes of a sandbox that were started through the API and still run.')
    .argument('<sandbox>', 'its id')
    .addHelpText('after', '\nExample:\n  sandglass ps sb-…');
  command.action(async (sandboxId: string) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const processes = await sandglass.processes.list(sandboxId, { signal });
    if (json) cli.printJson(processes);
    else cli.print(processTable(processes));
  });
}

function processTable(processes: readonly SandboxProcess[]): string {
  const rows = processes.map(({ pid, tag = '', cwd = '', cmd, args }) => [
    String(pid),
    printable(tag),
    printable(cwd),
    formatList([cmd, ...args]) ?? '',
  ]);
  return renderTable(['PID', 'TAG', 'FOLDER', 'COMMAND'], rows);
}
