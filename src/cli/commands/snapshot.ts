import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addSnapshotCreate } from './snapshot-create.ts';
import { addSnapshotGet } from './snapshot-get.ts';
import { addSnapshotLs } from './snapshot-ls.ts';
import { addSnapshotRestore } from './snapshot-restore.ts';
import { addSnapshotRm } from './snapshot-rm.ts';
import { addSnapshotWatch } from './snapshot-watch.ts';

export function addSnapshot(parent: Command, cli: Cli): void {
  const snapshot = parent.command('snapshot').description('Snapshots: captures of running sandboxes, to restore as often as wanted.');
  addSnapshotCreate(snapshot, cli);
  addSnapshotLs(snapshot, cli);
  addSnapshotGet(snapshot, cli);
  addSnapshotRestore(snapshot, cli);
  addSnapshotWatch(snapshot, cli);
  addSnapshotRm(snapshot, cli);
}
