import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { configuredLog } from '../configured-log.ts';
import type { GlobalOptions } from '../session.ts';
import { untilStopped } from '../until-stopped.ts';

export function addExecutorRun(parent: Command, cli: Cli): void {
  const command = parent
    .command('run', { isDefault: true })
    .summary('run the executor of this machine (default)')
    .description('Run the executor of this machine, until interrupted. This is what `sandglass executor` by itself does.');
  command.action(async () => {
    const { config, log } = await configuredLog(cli, command.optsWithGlobals<GlobalOptions>().config);
    const { startExecutor } = await import('../../main/executor.ts');
    await untilStopped(cli, await startExecutor({ config, log, env: cli.env, signal: cli.signal }));
  });
}
