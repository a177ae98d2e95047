import { expect, vi } from 'vitest';
import type { Snapshot } from '../../sdk/src/index.ts';
import type { System } from './system.ts';

/** How long anything may take to end as it should after a restart. */
const SETTLED_MS = 45_000;
const SETTLED = { timeout: SETTLED_MS, interval: 100 };
/** Large enough for its capture to last some hundred milliseconds. */
const CHANGE_MB = 80;
const COUNTING = ['sh', '-c', 'i=0; while true; do i=$((i+1)); echo $i >/count; sleep 0.05; done'];

/** A sandbox that counts and holds much that is new, and what must be true of it and its snapshots whatever is killed. */
export class Rounds {
  readonly #system: System;
  readonly #sourceId: string;
  readonly #digest: string;

  private constructor(system: System, sourceId: string, digest: string) {
    this.#system = system;
    this.#sourceId = sourceId;
    this.#digest = digest;
  }

  static async begin(system: System): Promise<Rounds> {
    const { sandboxes } = system.client;
    const { sandbox_id } = await sandboxes.create({ entrypoint: COUNTING }, { wait: true });
    const script = `dd if=/dev/urandom of=/change bs=1M count=${CHANGE_MB} && busybox sha256sum /change`;
    const { stdout } = await sandboxes.exec(sandbox_id, { shell: script });
    return new Rounds(system, sandbox_id, stdout);
  }

  /** Asks for a snapshot. @returns its id, once the server has answered. */
  async snapshot(): Promise<string> {
    return (await this.#system.client.snapshots.create(this.#sourceId)).snapshot_id;
  }

  async activeSnapshot(): Promise<string> {
    const id = await this.snapshot();
    await this.#system.client.snapshots.waitUntilActive(id, { timeoutMs: SETTLED_MS });
    return id;
  }

  /** Resolves while the source stands still for a capture. */
  async untilFrozen(): Promise<void> {
    const isFrozen = async () => expect((await this.#inspectSource()).State.Paused).toBe(true);
    await vi.waitFor(isFrozen, { timeout: 10_000, interval: 2 });
  }

  /** Resolves as soon as the engine has the snapshot's image. */
  async untilCaptured(snapshotId: string): Promise<void> {
    const { image_ref } = await this.#system.client.snapshots.get(snapshotId);
    await vi.waitFor(() => this.#system.docker.getImage(image_ref).inspect(), { timeout: 10_000, interval: 2 });
  }

  /** Waits until the snapshot is active, or has failed and says why. */
  async expectSettled(snapshotId: string): Promise<Snapshot> {
    return await vi.waitFor(async () => {
      const snapshot = await this.#system.client.snapshots.get(snapshotId);
      expect(snapshot.status).toMatch(/^(active|failed)$/);
      if (snapshot.status === 'failed')
        expect(snapshot.error).toMatchObject({ reason: expect.any(String), message: expect.stringMatching(/./) });
      return snapshot;
    }, SETTLED);
  }

  /** Every snapshot that there is, asked for by somebody who was answered or not, ends as it should. */
  async expectAllSettled(): Promise<readonly Snapshot[]> {
    const settled: Snapshot[] = [];
    for await (const { snapshot_id } of this.#system.client.snapshots.list({ sandbox_id: this.#sourceId })) {
      settled.push(await this.expectSettled(snapshot_id));
    }
    return settled;
  }

  /** @returns the sandbox's id, once the server has answered. */
  async restore(snapshotId: string): Promise<string> {
    return (await this.#system.client.snapshots.restore(snapshotId)).sandbox_id;
  }

  async delete(snapshotId: string): Promise<void> {
    await this.#system.client.snapshots.delete(snapshotId);
  }

  async expectGone(snapshotId: string): Promise<void> {
    await this.#system.client.snapshots.waitUntilGone(snapshotId, { timeoutMs: SETTLED_MS });
  }

  /** The sandbox runs, and holds what the source held when it was captured. */
  async expectRestored(sandboxId: string): Promise<void> {
    const { sandboxes } = this.#system.client;
    await sandboxes.waitUntilRunning(sandboxId, { timeoutMs: SETTLED_MS });
    expect(await sandboxes.exec(sandboxId, { shell: 'busybox sha256sum /change' })).toMatchObject({ exit_code: 0, stdout: this.#digest });
  }

  /** The source runs, and goes on counting. */
  async expectSourceRuns(): Promise<void> {
    expect((await this.#inspectSource()).State).toMatchObject({ Running: true, Paused: false });
    const before = await this.#count();
    await vi.waitFor(async () => expect(await this.#count()).toBeGreaterThan(before), { timeout: 10_000, interval: 20 });
  }

  /** Deletes all but the source. Then the engine holds nothing else. */
  async cleanUp(): Promise<void> {
    const { sandboxes, snapshots } = this.#system.client;
    for await (const { snapshot_id, status } of snapshots.list()) {
      if (status !== 'deleting') await snapshots.delete(snapshot_id);
      await snapshots.waitUntilGone(snapshot_id, { timeoutMs: SETTLED_MS });
    }
    for await (const { sandbox_id, status } of sandboxes.list()) {
      if (sandbox_id === this.#sourceId || status === 'terminated') continue;
      await sandboxes.delete(sandbox_id);
      await sandboxes.waitUntil(sandbox_id, 'terminated', { timeoutMs: SETTLED_MS });
    }
    const isClean = async () => expect(await this.#system.inEngine()).toEqual({ containers: [`/sandglass-${this.#sourceId}`], images: [] });
    await vi.waitFor(isClean, SETTLED);
  }

  async #count(): Promise<number> {
    return Number((await this.#system.client.sandboxes.exec(this.#sourceId, { shell: 'cat /count' })).stdout);
  }

  #inspectSource() {
    return this.#system.docker.getContainer(`sandglass-${this.#sourceId}`).inspect();
  }
}
