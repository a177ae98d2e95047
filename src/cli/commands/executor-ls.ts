import type { Command } from 'commander';
import type { Executor } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { formatPairs, formatRuntimes } from '../format/lists.ts';
import { printable } from '../format/printable.ts';
import { formatMebibytes, formatSpan } from '../format/quantities.ts';
import { colorsOf, formatStatus } from '../format/status.ts';
import { renderTable } from '../format/table.ts';
import { openSession } from '../session.ts';

export function addExecutorLs(parent: Command, cli: Cli): void {
  const command = parent.command('ls').summary('list executors').description('List executors.');
  command.action(async () => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const executors = await sandglass.executors.list({ signal });
    if (json) cli.printJson(executors);
    else cli.print(executorTable(cli, executors));
  });
}

function executorTable(cli: Cli, executors: readonly Executor[]): string {
  const colors = colorsOf(cli);
  const rows = executors.map((executor) => [
    printable(executor.executor_id),
    printable(executor.hostname),
    formatStatus(colors, executor.status, executor.cordoned ? 'cordoned' : undefined),
    formatSpan(cli.now() - executor.status_changed_at),
    printable(executor.engine),
    formatRuntimes(executor.runtimes),
    String(executor.capacity.cpus),
    formatMebibytes(executor.capacity.memory_mb),
    String(executor.capacity.max_sandboxes),
    formatPairs(executor.labels) ?? '',
  ]);
  return renderTable(['EXECUTOR', 'HOST', 'STATUS', 'SINCE', 'ENGINE', 'RUNTIMES', 'CPUS', 'MEMORY', 'SANDBOXES', 'LABELS'], rows);
}
