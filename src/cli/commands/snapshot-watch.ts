import type { Command } from 'commander';
import type { Snapshot } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import { printable } from '../format/printable.ts';
import { formatBytes, formatTime } from '../format/quantities.ts';
import { openSession } from '../session.ts';
import { snapshotStep } from '../snapshot-step.ts';

export function addSnapshotWatch(parent: Command, cli: Cli): void {
  const command = parent
    .command('watch')
    .summary('follow a snapshot until it is active or has failed')
    .description('Print a line for every change of a snapshot, until it is active, has failed, or is gone. With --json a document a line.')
    .argument('<snapshot>', 'its id');
  command.action(async (snapshotId: string) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    for await (const event of sandglass.snapshots.events(snapshotId, { signal })) {
      if (event.type === 'gone') cli.print(json ? JSON.stringify({ snapshot_id: snapshotId, status: 'gone' }) : changeLine(cli, 'gone'));
      else cli.print(json ? JSON.stringify(event.snapshot) : changeLine(cli, describeChange(event.snapshot)));
      if (event.type === 'snapshot' && event.snapshot.status === 'failed') throw failed(event.snapshot);
    }
  });
}

function changeLine(cli: Cli, change: string): string {
  return `${formatTime(cli.now())}  ${change}`;
}

function describeChange(snapshot: Snapshot): string {
  const { text, done, total } = snapshotStep(snapshot);
  if (done === undefined || (done === 0 && total === undefined)) return printable(text);
  return `${printable(text)}  ${formatBytes(done)}${total === undefined ? '' : ` / ${formatBytes(total)}`}`;
}

function failed({ snapshot_id, error, status_reason }: Snapshot): CliError {
  return new CliError(`snapshot ${snapshot_id} failed: ${error?.message ?? status_reason ?? 'no reason given'}`);
}
