import type { Command } from 'commander';
import type { Sandbox } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { isCoded } from '../failure.ts';
import { withProgress } from '../progress.ts';
import { openSession } from '../session.ts';
import { addWaitOptions, forEach, timeoutOf, type WaitFlags } from '../wait.ts';

export function addSandboxRm(parent: Command, cli: Cli): void {
  const command = parent
    .command('rm')
    .summary('end sandboxes')
    .description('End sandboxes and remove what is in them.')
    .argument('<sandbox...>', 'their ids');
  addWaitOptions(command, 'they have ended').action(async (ids: string[], flags: WaitFlags) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const removed = new Map<string, Sandbox>();
    const waitUntilEnded = async (id: string, timeoutMs: number | undefined) => {
      try {
        removed.set(id, await sandglass.sandboxes.waitUntil(id, 'terminated', { signal, timeoutMs }));
      } catch (thrown) {
        // A server that keeps no record of ended sandboxes has forgotten it already.
        if (!isCoded(thrown) || thrown.reason !== 'sandbox_not_found') throw thrown;
      }
    };
    await forEach(cli, ids, async (id) => void removed.set(id, await sandglass.sandboxes.delete(id, { signal })));
    await forEach(cli, [...removed.keys()], async (id) => {
      if (flags.wait) await withProgress(cli, `ending ${id}`, () => waitUntilEnded(id, timeoutOf(flags)));
      if (!json) cli.print(id);
    });
    if (json) cli.printJson([...removed.values()]);
  });
}
