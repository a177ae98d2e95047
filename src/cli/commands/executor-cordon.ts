import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { openSession } from '../session.ts';

export function addExecutorCordon(parent: Command, cli: Cli): void {
  addSwitch(parent, cli, 'cordon', 'let an executor take no new sandboxes', 'Let an executor take no new sandboxes; those on it go on.');
}

export function addExecutorUncordon(parent: Command, cli: Cli): void {
  addSwitch(parent, cli, 'uncordon', 'let an executor take sandboxes again', 'Let an executor take sandboxes again.');
}

function addSwitch(parent: Command, cli: Cli, name: 'cordon' | 'uncordon', summary: string, description: string): void {
  const command = parent.command(name).summary(summary).description(description).argument('<executor>', 'its id');
  command.action(async (executorId: string) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const executor = await sandglass.executors[name](executorId, { signal });
    if (json) cli.printJson(executor);
    else cli.print(executor.executor_id);
  });
}
