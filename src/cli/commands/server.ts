import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { configuredLog } from '../configured-log.ts';
import type { GlobalOptions } from '../session.ts';
import { untilStopped } from '../until-stopped.ts';

export function addServer(parent: Command, cli: Cli): void {
  const command = parent.command('server').description('Run the server: the REST API, and the address that executors connect to.');
  command.action(async () => {
    const { config, log } = await configuredLog(cli, command.optsWithGlobals<GlobalOptions>().config);
    const { startServer } = await import('../../main/server.ts');
    await untilStopped(cli, await startServer({ config, log, signal: cli.signal }));
  });
}
