import { type Command, Option } from 'commander';
import type { Snapshot, SnapshotStatus } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../format/printable.ts';
import { formatBytes, formatSpan } from '../format/quantities.ts';
import { colorsOf, formatStatus } from '../format/status.ts';
import { renderTable } from '../format/table.ts';
import { addLimitOption, takeUpTo } from '../limit.ts';
import { collectPairs } from '../parse-values.ts';
import { openSession } from '../session.ts';

const STATUSES = ['creating', 'uploading', 'active', 'failed', 'deleting'];

interface LsOptions {
  readonly sandbox?: string;
  readonly status?: SnapshotStatus;
  readonly name?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly limit: number;
}

export function addSnapshotLs(parent: Command, cli: Cli): void {
  const command = parent
    .command('ls')
    .summary('list snapshots')
    .description('List snapshots, newest first.')
    .option('--sandbox <sandbox>', 'only those of this sandbox')
    .addOption(new Option('--status <status>', 'only those with this status').choices(STATUSES))
    .option('--name <name>', 'only those with this name')
    .option('-l, --label <key=value>', 'only those with this label; repeatable', collectPairs);
  addLimitOption(command).action(async ({ sandbox, status, name, label, limit }: LsOptions) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const filter = {
      ...(sandbox !== undefined && { sandbox_id: sandbox }),
      ...(status && { status }),
      ...(name !== undefined && { name }),
      ...(label && { label }),
    };
    const snapshots = await takeUpTo(cli, limit, sandglass.snapshots.list(filter, { signal }));
    if (json) cli.printJson(snapshots);
    else cli.print(snapshotTable(cli, snapshots));
  });
}

function snapshotTable(cli: Cli, snapshots: readonly Snapshot[]): string {
  const colors = colorsOf(cli);
  const now = cli.now();
  const rows = snapshots.map((snapshot) => [
    printable(snapshot.snapshot_id),
    printable(snapshot.name ?? ''),
    printable(snapshot.sandbox_id),
    formatStatus(colors, snapshot.status, snapshot.status === 'failed' ? snapshot.error?.reason : undefined),
    snapshot.size_bytes === undefined ? '' : formatBytes(snapshot.size_bytes),
    formatSpan(now - snapshot.created_at),
    snapshot.expires_at === undefined ? '' : formatSpan(snapshot.expires_at - now),
    printable(snapshot.status_reason ?? ''),
  ]);
  return renderTable(['SNAPSHOT', 'NAME', 'SANDBOX', 'STATUS', 'SIZE', 'AGE', 'EXPIRES IN', 'MESSAGE'], rows);
}
