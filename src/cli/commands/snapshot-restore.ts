import type { Command } from 'commander';
import type { RestoredSandboxes, Sandglass } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { parseCount } from '../parse-values.ts';
import { addSandboxOptions, type SandboxOptions, sandboxOverrides } from '../sandbox-options.ts';
import { openSession } from '../session.ts';
import { addWaitOptions, type WaitFlags, waitUntilRunning } from '../wait.ts';

interface RestoreOptions extends SandboxOptions, WaitFlags {
  readonly force?: true;
  readonly count?: number;
}

export function addSnapshotRestore(parent: Command, cli: Cli): void {
  const command = parent
    .command('restore')
    .summary('start a sandbox from a snapshot and print its id')
    .description('Start a sandbox from a snapshot and print its id. What is not given anew is as it was; secrets are to be given anew.')
    .argument('<snapshot>', 'its id')
    .option('-f, --force', 'restore it even though it has expired')
    .option('--count <n>', 'how many sandboxes', parseCount);
  addWaitOptions(addSandboxOptions(command, cli), 'it runs').action(async (snapshotId: string, options: RestoreOptions) => {
    const session = await openSession(cli, command);
    const answer = await restore(session.sandglass, snapshotId, options, session.signal);
    const ids = answer.sandboxes.map(({ sandbox_id }) => sandbox_id);
    if (!answer.restored_from_snapshot) {
      cli.note(
        'warning: the snapshot has expired: this is a fresh sandbox with its configuration; --force restores it while it is still there',
      );
    }
    const sandboxes = options.wait ? await waitUntilRunning(cli, session, ids, options) : answer.sandboxes;
    if (session.json) cli.printJson({ ...answer, sandboxes });
    else cli.print(ids.join('\n'));
  });
}

function restore(sandglass: Sandglass, snapshotId: string, options: RestoreOptions, signal: AbortSignal): Promise<RestoredSandboxes> {
  const { force, count = 1 } = options;
  return sandglass.snapshots.restore(snapshotId, { ...sandboxOverrides(options), ...(force && { force }), count }, { signal });
}
