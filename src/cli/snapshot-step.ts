import type { Snapshot } from '../../sdk/src/index.ts';
import type { Step } from './progress.ts';

/** What a snapshot is doing, for the progress line and for `watch`. */
export function snapshotStep({ status, status_reason, progress }: Snapshot): Step {
  const phase = progress === undefined || progress.phase === status ? status : `${status}: ${progress.phase}`;
  const layers = progress?.layers_total === undefined ? '' : `, layer ${progress.layers_done ?? 0} of ${progress.layers_total}`;
  const reason = status_reason === undefined ? '' : ` (${status_reason})`;
  return { text: `${phase}${layers}${reason}`, done: progress?.bytes_done, total: progress?.bytes_total };
}
