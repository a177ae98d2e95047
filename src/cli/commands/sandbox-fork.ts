import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { parseCount } from '../parse-values.ts';
import { addSandboxOptions, type SandboxOptions, sandboxOverrides } from '../sandbox-options.ts';
import { openSession } from '../session.ts';
import { addWaitOptions, type WaitFlags, waitUntilRunning } from '../wait.ts';

interface ForkOptions extends SandboxOptions, WaitFlags {
  readonly count?: number;
}

export function addSandboxFork(parent: Command, cli: Cli): void {
  const command = parent
    .command('fork')
    .summary('start sandboxes that go on from where one is')
    .description('Start sandboxes that go on from where this one is, and print their ids.')
    .argument('<sandbox>', 'its id')
    .option('--count <n>', 'how many', parseCount);
  addWaitOptions(addSandboxOptions(command, cli), 'they run').action(async (sandboxId: string, options: ForkOptions) => {
    const session = await openSession(cli, command);
    const params = { ...sandboxOverrides(options), ...(options.count !== undefined && { count: options.count }) };
    const answer = await session.sandglass.sandboxes.fork(sandboxId, params, { signal: session.signal });
    const ids = answer.sandboxes.map(({ sandbox_id }) => sandbox_id);
    const sandboxes = options.wait ? await waitUntilRunning(cli, session, ids, options) : answer.sandboxes;
    if (session.json) cli.printJson({ ...answer, sandboxes });
    else cli.print(ids.join('\n'));
  });
}
