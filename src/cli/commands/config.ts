import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { GlobalOptions } from '../session.ts';

export function addConfig(parent: Command, cli: Cli): void {
  const command = parent
    .command('config')
    .description('Show the effective configuration of server and executor, and where each value comes from. Secrets are masked.');
  command.action(async () => {
    const { config: file, json } = command.optsWithGlobals<GlobalOptions>();
    const [{ loadConfig }, { describeConfig }] = await Promise.all([
      import('../../main/config.ts'),
      import('../../main/describe-config.ts'),
    ]);
    const config = loadConfig({ file, env: cli.env });
    const text = describeConfig(config);
    if (json) cli.printJson((await import('yaml')).parse(text));
    else cli.print(text.trimEnd());
    for (const warning of config.origin.warnings) cli.note(`warning: ${warning}`);
  });
}
