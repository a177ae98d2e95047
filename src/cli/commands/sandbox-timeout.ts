import type { Command } from 'commander';
import type { Sandbox } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { formatMoment, formatSpan } from '../format/quantities.ts';
import { parseDuration } from '../parse-values.ts';
import { openSession } from '../session.ts';

export function addSandboxTimeout(parent: Command, cli: Cli): void {
  const command = parent
    .command('timeout')
    .summary('change when a sandbox ends')
    .description('Let a sandbox end so long from now, and print when that is; 0 for no end.')
    .argument('<sandbox>', 'its id')
    .argument('<duration>', 'such as 30m, or 0', parseDuration)
    .addHelpText('after', '\nExample:\n  sandglass sandbox timeout sb-… 30m');
  command.action(async (sandboxId: string, timeoutSecs: number) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const sandbox = await sandglass.sandboxes.setTimeout(sandboxId, timeoutSecs, { signal });
    if (json) cli.printJson(sandbox);
    else cli.print(endOf(sandbox, timeoutSecs, cli.now()));
  });
}

function endOf({ expires_at }: Sandbox, timeoutSecs: number, now: number): string {
  if (timeoutSecs === 0) return 'no end';
  return expires_at === undefined ? `${formatSpan(timeoutSecs * 1000)} after it runs` : formatMoment(expires_at, now);
}
