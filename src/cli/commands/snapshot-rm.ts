import type { Command } from 'commander';
import type { Snapshot } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { withProgress } from '../progress.ts';
import { openSession } from '../session.ts';
import { addWaitOptions, forEach, timeoutOf, type WaitFlags } from '../wait.ts';

export function addSnapshotRm(parent: Command, cli: Cli): void {
  const command = parent
    .command('rm')
    .summary('remove snapshots')
    .description('Remove snapshots and their images.')
    .argument('<snapshot...>', 'their ids');
  addWaitOptions(command, 'they are gone').action(async (ids: string[], flags: WaitFlags) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const removed = new Map<string, Snapshot>();
    await forEach(cli, ids, async (id) => void removed.set(id, await sandglass.snapshots.delete(id, { signal })));
    await forEach(cli, [...removed.keys()], async (id) => {
      const wait = () => sandglass.snapshots.waitUntilGone(id, { signal, timeoutMs: timeoutOf(flags) });
      if (flags.wait) await withProgress(cli, `removing ${id}`, wait);
      if (!json) cli.print(id);
    });
    if (json) cli.printJson([...removed.values()]);
  });
}
