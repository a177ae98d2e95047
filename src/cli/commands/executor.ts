import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExecutorCordon, addExecutorUncordon } from './executor-cordon.ts';
import { addExecutorLs } from './executor-ls.ts';
import { addExecutorRun } from './executor-run.ts';

/** `sandglass executor` by itself runs the agent of this machine; its other commands are about all of them. */
export function addExecutor(parent: Command, cli: Cli): void {
  const executor = parent.command('executor').description('Executors: the agents that run sandboxes, one on each machine.');
  addExecutorRun(executor, cli);
  addExecutorLs(executor, cli);
  addExecutorCordon(executor, cli);
  addExecutorUncordon(executor, cli);
}
