import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { parseDuration } from '../parse-values.ts';
import { withProgress } from '../progress.ts';
import { openSession } from '../session.ts';
import { addWaitOptions, timeoutOf, type WaitFlags } from '../wait.ts';

export function addSandboxPause(parent: Command, cli: Cli): void {
  addSwitch(parent, cli, {
    name: 'pause',
    status: 'paused',
    summary: 'freeze a sandbox',
    description: 'Freeze the processes of a sandbox.',
  });
}

export function addSandboxResume(parent: Command, cli: Cli): void {
  const command = addSwitch(parent, cli, {
    name: 'resume',
    status: 'running',
    summary: 'thaw a paused sandbox',
    description: 'Thaw the processes of a paused sandbox.',
  });
  command.option('--timeout <duration>', 'life span from now on, such as 30m; 0 for no end', parseDuration);
}

interface Switch {
  readonly name: 'pause' | 'resume';
  readonly status: 'paused' | 'running';
  readonly summary: string;
  readonly description: string;
}

interface SwitchOptions extends WaitFlags {
  readonly timeout?: number;
}

function addSwitch(parent: Command, cli: Cli, { name, status, summary, description }: Switch): Command {
  const command = parent.command(name).summary(summary).description(description).argument('<sandbox>', 'its id');
  return addWaitOptions(command, `it is ${status}`).action(async (sandboxId: string, { timeout, ...flags }: SwitchOptions) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const asked = await sandglass.sandboxes[name](sandboxId, { signal, timeoutSecs: timeout });
    const wait = () => sandglass.sandboxes.waitUntil(sandboxId, status, { signal, timeoutMs: timeoutOf(flags) });
    const sandbox = flags.wait ? await withProgress(cli, `${name} ${sandboxId}`, wait) : asked;
    if (json) cli.printJson(sandbox);
    else cli.print(sandboxId);
  });
}
