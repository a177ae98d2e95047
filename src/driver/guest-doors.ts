import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxId } from '../model/ids.ts';
import { GuestDoor, type GuestDoorOptions } from './guest-door.ts';

export interface GuestDoorsOptions extends GuestDoorOptions {
  /** Folder of their folders, for nothing else. */
  readonly root: string;
}

/** The doors of an executor's sandboxes, each in a folder with the sandbox's id as its name. */
export class GuestDoors {
  readonly #options: GuestDoorsOptions;
  readonly #doors = new Map<SandboxId, Promise<GuestDoor>>();

  constructor(options: GuestDoorsOptions) {
    this.#options = options;
  }

  /** What the sandbox has to be given, read-only. */
  directoryOf(sandboxId: SandboxId): string {
    return join(this.#options.root, sandboxId);
  }

  /** The sandbox's door, opened if it is not open. */
  open(sandboxId: SandboxId): Promise<GuestDoor> {
    const known = this.#doors.get(sandboxId);
    if (known !== undefined) return known;
    const door = GuestDoor.open(this.directoryOf(sandboxId), this.#options);
    this.#doors.set(sandboxId, door);
    door.catch(() => this.#doors.delete(sandboxId));
    return door;
  }

  /** The sandbox's door if it is open. */
  async find(sandboxId: SandboxId): Promise<GuestDoor | undefined> {
    return this.#doors.get(sandboxId);
  }

  /** Closes the sandbox's door, and removes its folder. */
  async remove(sandboxId: SandboxId): Promise<void> {
    await this.#close(sandboxId);
    await rm(this.directoryOf(sandboxId), { recursive: true, force: true });
  }

  /** Removes the doors whose folders are not in `mounted`. */
  async removeUnused(mounted: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#options.root).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const name of names as SandboxId[]) if (!mounted.has(this.directoryOf(name))) await this.remove(name);
  }

  /** Closes all doors. Guests come again when the next process opens them. */
  async close(): Promise<void> {
    await Promise.all([...this.#doors.keys()].map((sandboxId) => this.#close(sandboxId)));
  }

  async #close(sandboxId: SandboxId): Promise<void> {
    const door = this.#doors.get(sandboxId);
    this.#doors.delete(sandboxId);
    await (await door?.catch(() => undefined))?.close();
  }
}
