import type { Command } from 'commander';
import type { Snapshot } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { formatBytes, formatDuration } from '../format/quantities.ts';
import { collectPairs, parseDuration } from '../parse-values.ts';
import { withProgress } from '../progress.ts';
import { openSession } from '../session.ts';
import { snapshotStep } from '../snapshot-step.ts';
import { addWaitOptions, orInterrupted, timeoutOf, type WaitFlags } from '../wait.ts';

interface CreateOptions extends WaitFlags {
  readonly name?: string;
  readonly ttl?: number;
  readonly label?: Readonly<Record<string, string>>;
}

export function addSnapshotCreate(parent: Command, cli: Cli): void {
  const command = parent
    .command('create')
    .summary('capture a running sandbox and print the id of the snapshot')
    .description('Capture a running sandbox, which goes on running, and print the id of the snapshot.')
    .argument('<sandbox>', 'its id')
    .option('--name <name>', 'name of the snapshot')
    .option('--ttl <duration>', 'life span, such as 12h or 30d; 0 for no end', parseDuration)
    .option('-l, --label <key=value>', 'label; repeatable', collectPairs);
  addWaitOptions(command, 'it is active').action(async (sandboxId: string, { name, ttl, label, ...flags }: CreateOptions) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const params = { ...(name !== undefined && { name }), ...(ttl !== undefined && { ttl_secs: ttl }), ...(label && { labels: label }) };
    const created = await sandglass.snapshots.create(sandboxId, params, { signal });
    const id = created.snapshot_id;
    if (!flags.wait) {
      if (json) cli.printJson(created);
      else cli.print(id);
      return;
    }
    const active = await orInterrupted(signal, `snapshot ${id} goes on; follow it with \`sandglass snapshot watch ${id}\``, () =>
      withProgress(cli, 'creating', (show) =>
        sandglass.snapshots.waitUntilActive(id, {
          signal,
          timeoutMs: timeoutOf(flags),
          onProgress: (snapshot) => show(snapshotStep(snapshot)),
        }),
      ),
    );
    if (cli.stderr.isTTY === true) cli.note(summary(active));
    if (json) cli.printJson(active);
    else cli.print(id);
  });
}

function summary({ size_bytes, timings }: Snapshot): string {
  const parts = [
    size_bytes === undefined ? undefined : formatBytes(size_bytes),
    timings && `the sandbox stood still for ${formatDuration(timings.freeze_ms)}`,
    timings && `${formatDuration(timings.total_ms)} in all`,
  ];
  return ['active', ...parts.filter((part) => part !== undefined)].join(', ');
}
