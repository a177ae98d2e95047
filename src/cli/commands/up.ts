import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { configuredLog } from '../configured-log.ts';
import type { GlobalOptions } from '../session.ts';
import { untilStopped } from '../until-stopped.ts';

export function addUp(parent: Command, cli: Cli): void {
  const command = parent
    .command('up')
    .description('Run server and executor on this machine, until interrupted.')
    .option('--demo', 'show the main job once it is up: create, snapshot, restore')
    .option('--no-demo', 'do not');
  command.action(async ({ demo = false }: { demo?: boolean }) => {
    const { config, log } = await configuredLog(cli, command.optsWithGlobals<GlobalOptions>().config, { quiet: demo });
    const { startUp } = await import('../../main/up.ts');
    const up = await startUp({ config, log, env: cli.env, report: (line) => cli.note(line), signal: cli.signal });
    if (!demo) return await untilStopped(cli, up);
    const { Demo } = await import('../demo/demo.ts');
    const shown = new Demo(cli, up.url);
    await shown.run().catch(async (error: unknown) => {
      await shown.remove();
      await up.close();
      throw error;
    });
    await untilStopped(cli, {
      failed: up.failed,
      close: async () => {
        await shown.remove();
        await up.close();
      },
    });
  });
}
