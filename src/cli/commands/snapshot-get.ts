import type { Command } from 'commander';
import type { Snapshot } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { formatList, formatPairs } from '../format/lists.ts';
import { printable } from '../format/printable.ts';
import { formatBytes, formatDuration, formatMoment } from '../format/quantities.ts';
import { colorsOf, formatStatus } from '../format/status.ts';
import { renderFields } from '../format/table.ts';
import { openSession } from '../session.ts';
import { snapshotStep } from '../snapshot-step.ts';

export function addSnapshotGet(parent: Command, cli: Cli): void {
  const command = parent.command('get').summary('show a snapshot').description('Show a snapshot.').argument('<snapshot>', 'its id');
  command.action(async (snapshotId: string) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const snapshot = await sandglass.snapshots.get(snapshotId, { signal });
    if (json) cli.printJson(snapshot);
    else cli.print(describeSnapshot(cli, snapshot));
  });
}

function describeSnapshot(cli: Cli, snapshot: Snapshot): string {
  const { error, progress, timings, size_bytes, layer_count, sandbox_config } = snapshot;
  const text = (value: string | undefined) => (value === undefined ? undefined : printable(value));
  const time = (at: number | undefined) => (at === undefined ? undefined : formatMoment(at, cli.now()));
  const size =
    size_bytes === undefined ? undefined : `${formatBytes(size_bytes)}${layer_count === undefined ? '' : `, ${layer_count} layers`}`;
  return renderFields([
    ['Snapshot', printable(snapshot.snapshot_id)],
    ['Name', text(snapshot.name)],
    ['Namespace', printable(snapshot.namespace)],
    ['Sandbox', printable(snapshot.sandbox_id)],
    ['Status', formatStatus(colorsOf(cli), snapshot.status)],
    ['Step', progress && printable(snapshotStep(snapshot).text)],
    ['Reason', text(snapshot.status_reason)],
    ['Error', error && printable(`${error.reason} after ${error.attempts} attempts: ${error.message}`)],
    ['Image', printable(snapshot.image_ref)],
    ['Base image', printable(sandbox_config.image)],
    ['Digest', text(snapshot.digest)],
    ['Size', size],
    ['Parent', text(snapshot.parent_snapshot_id)],
    ['Available on', formatList(snapshot.available_on)],
    ['In registry', snapshot.in_registry ? 'yes' : 'no'],
    ['Frozen for', timings && formatDuration(timings.freeze_ms)],
    ['Captured in', timings && formatDuration(timings.capture_ms)],
    ['Uploaded in', timings?.upload_ms === undefined ? undefined : formatDuration(timings.upload_ms)],
    ['Active after', timings && formatDuration(timings.total_ms)],
    ['Labels', formatPairs(snapshot.labels)],
    ['Environment', formatPairs(sandbox_config.env)],
    ['Secrets', formatList(sandbox_config.secret_names)],
    ['Created', time(snapshot.created_at)],
    ['Active since', time(snapshot.activated_at)],
    ['Expires', snapshot.expires_at === undefined ? 'never' : time(snapshot.expires_at)],
  ]);
}
