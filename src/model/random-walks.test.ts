import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryWalk, type Lifecycle, walk } from '../../test/support/random-walk.ts';
import { sandboxEvents } from '../../test/support/sandbox-events.ts';
import { SANDBOX_EXAMPLES } from '../../test/support/sandbox-examples.ts';
import { SANDBOX_INVARIANTS } from '../../test/support/sandbox-invariants.ts';
import { snapshotEvents } from '../../test/support/snapshot-events.ts';
import { SNAPSHOT_EXAMPLES } from '../../test/support/snapshot-examples.ts';
import { SNAPSHOT_INVARIANTS } from '../../test/support/snapshot-invariants.ts';
import { SANDBOX_TABLE, SNAPSHOT_TABLE } from '../../test/support/state-transition-table.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxEvent } from './sandbox-event.ts';
import { transitionSandbox } from './sandbox-lifecycle.ts';
import type { Snapshot } from './snapshot.ts';
import { type SnapshotEvent, transitionSnapshot } from './snapshot-lifecycle.ts';

const SNAPSHOTS: Lifecycle<Snapshot, SnapshotEvent> = {
  transition: transitionSnapshot,
  events: snapshotEvents,
  invariants: SNAPSHOT_INVARIANTS,
};
const SANDBOXES: Lifecycle<Sandbox, SandboxEvent> = {
  transition: transitionSandbox,
  events: sandboxEvents,
  invariants: SANDBOX_INVARIANTS,
};

const WALKS = { numRuns: 6_000 };

/** All cells of a table, as `status × event → outcome`. */
function cellsOf(table: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>): string[] {
  return Object.entries(table).flatMap(([status, row]) =>
    Object.entries(row).flatMap(([type, cells]) => cells.map((cell) => `${status} × ${type} → ${cell}`)),
  );
}

describe('whatever happens, in whatever order, however late or often', () => {
  it('every invariant of snapshots holds after every step', () => {
    const seen = new Set<string>();
    const starts = Object.values(SNAPSHOT_EXAMPLES).flat();
    fc.assert(
      fc.property(fc.constantFrom(...starts), arbitraryWalk(Object.keys(SNAPSHOT_TABLE.creating).length), (start, choices) => {
        const { snapshot, world } = start();
        for (const cell of walk(SNAPSHOTS, snapshot, world, choices)) seen.add(cell);
      }),
      WALKS,
    );
    // The walks come through every cell, and through nothing else: otherwise they would prove less than they seem to.
    expect([...seen].sort()).toEqual(cellsOf(SNAPSHOT_TABLE).sort());
  });

  it('every invariant of sandboxes holds after every step', () => {
    const seen = new Set<string>();
    const starts = Object.values(SANDBOX_EXAMPLES).flat();
    fc.assert(
      fc.property(fc.constantFrom(...starts), arbitraryWalk(Object.keys(SANDBOX_TABLE.pending).length), (start, choices) => {
        const { sandbox, world } = start();
        for (const cell of walk(SANDBOXES, sandbox, world, choices)) seen.add(cell);
      }),
      WALKS,
    );
    expect([...seen].sort()).toEqual(cellsOf(SANDBOX_TABLE).sort());
  });
});
