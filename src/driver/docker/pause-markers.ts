import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isId, type SandboxId } from '../../model/ids.ts';

/**
 * Which sandboxes somebody has paused, as files that survive a crash: what is frozen without a marker was frozen by a capture
 * that did not come to its end. A marker is on the disk before its sandbox is frozen, and gone before it is thawed, so that a
 * crash in between errs towards a sandbox that runs.
 */
export class PauseMarkers {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async add(sandboxId: SandboxId): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const file = await open(join(this.#directory, sandboxId), 'w');
    await file.sync();
    await file.close();
    await this.#syncDirectory();
  }

  async remove(sandboxId: SandboxId): Promise<void> {
    if (!(await this.has(sandboxId))) return;
    await rm(join(this.#directory, sandboxId), { force: true });
    await this.#syncDirectory();
  }

  async has(sandboxId: SandboxId): Promise<boolean> {
    try {
      await stat(join(this.#directory, sandboxId));
      return true;
    } catch {
      return false;
    }
  }

  async list(): Promise<SandboxId[]> {
    try {
      return (await readdir(this.#directory)).filter((name): name is SandboxId => isId('sandbox', name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#directory);
    await directory.sync();
    await directory.close();
  }
}
