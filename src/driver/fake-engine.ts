import { createHash } from 'node:crypto';
import { SandglassError } from '../model/errors.ts';
import type { SandboxId, SnapshotId } from '../model/ids.ts';
import type { LogLine } from '../model/telemetry.ts';
import type { SandboxEnded, StartRequest } from './driver.ts';
import type { FakeLog } from './fake-log.ts';

/** Files by absolute path. */
export type FakeFiles = Map<string, Buffer>;

/** What a `FakeDriver` keeps of a sandbox. */
export interface FakeContainer {
  readonly request: StartRequest;
  /** `created` is what a crash between creating and starting leaves. */
  state: 'created' | 'running' | 'paused' | 'exited';
  /** Who froze it; a capture that crashed leaves `capture`. */
  frozenBy?: 'user' | 'capture';
  readonly files: FakeFiles;
  exitCode: number;
  oomKilled: boolean;
  /** Ends every command that runs in it. */
  readonly ended: AbortController;
  readonly log: FakeLog;
}

/** What a `FakeDriver` keeps of a snapshot. */
export interface FakeImage {
  readonly snapshotId: SnapshotId;
  readonly clusterId: string;
  readonly imageRef: string;
  readonly digest: string;
  readonly files: FakeFiles;
}

/**
 * The container engine that a `FakeDriver` drives. It outlives its drivers, as a real engine outlives an executor that
 * crashes: give the same engine to the next driver.
 */
export class FakeEngine {
  readonly containers = new Map<SandboxId, FakeContainer>();
  readonly images = new Map<SnapshotId, FakeImage>();
  /** References that no registry has. */
  readonly missingImages = new Set<string>();
  readonly #listeners = new Set<(event: SandboxEnded | 'gone') => void>();
  #away = false;

  /** The engine stops answering: calls and event streams fail with `engine_unavailable`. */
  goAway(): void {
    this.#away = true;
    for (const listener of this.#listeners) listener('gone');
  }

  comeBack(): void {
    this.#away = false;
  }

  /** @throws SandglassError `engine_unavailable` after `goAway`. */
  assertThere(): void {
    if (this.#away) throw new SandglassError('engine_unavailable', 'the container engine does not answer');
  }

  /** The main process of a sandbox prints a line. */
  print(sandboxId: SandboxId, text: string, { at = 0, stream = 'stdout' }: Partial<Omit<LogLine, 'bytes'>> = {}): void {
    this.#container(sandboxId).log.print({ at, stream, bytes: Buffer.from(text) });
  }

  /** The main process of a sandbox ends by itself. */
  endSandbox(sandboxId: SandboxId, exitCode: number, oomKilled = false): void {
    const container = this.#container(sandboxId);
    container.state = 'exited';
    container.exitCode = exitCode;
    container.oomKilled = oomKilled;
    container.ended.abort();
    for (const listener of this.#listeners) listener({ sandboxId, exitCode, oomKilled });
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (event: SandboxEnded | 'gone') => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stores a snapshot's image, in the place of an earlier one of the same snapshot. */
  addImage(image: Omit<FakeImage, 'digest'>): FakeImage {
    const hash = createHash('sha256').update(image.snapshotId);
    for (const [path, content] of [...image.files].sort()) hash.update(path).update(content);
    const stored = { ...image, digest: `sha256:${hash.digest('hex')}` };
    this.images.set(image.snapshotId, stored);
    return stored;
  }

  #container(sandboxId: SandboxId): FakeContainer {
    const container = this.containers.get(sandboxId);
    if (container === undefined) throw new Error(`no container for ${sandboxId}`);
    return container;
  }
}
