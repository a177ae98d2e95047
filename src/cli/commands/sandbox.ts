import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addExec } from './exec.ts';
import { addSandboxCreate } from './sandbox-create.ts';
import { addSandboxFork } from './sandbox-fork.ts';
import { addSandboxGet } from './sandbox-get.ts';
import { addSandboxLs } from './sandbox-ls.ts';
import { addSandboxMetrics } from './sandbox-metrics.ts';
import { addSandboxPause, addSandboxResume } from './sandbox-pause.ts';
import { addSandboxRm } from './sandbox-rm.ts';
import { addSandboxTimeout } from './sandbox-timeout.ts';

export function addSandbox(parent: Command, cli: Cli): void {
  const sandbox = parent.command('sandbox').description('Sandboxes: isolated running environments.');
  addSandboxCreate(sandbox, cli);
  addSandboxLs(sandbox, cli);
  addSandboxGet(sandbox, cli);
  addExec(sandbox, cli);
  addSandboxPause(sandbox, cli);
  addSandboxResume(sandbox, cli);
  addSandboxTimeout(sandbox, cli);
  addSandboxMetrics(sandbox, cli);
  addSandboxFork(sandbox, cli);
  addSandboxRm(sandbox, cli);
}
