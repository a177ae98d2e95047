import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { RawPath } from './libc.ts';

/**
 * A directory held open, so that paths through it lead there whatever happens to its name: nobody can put a symbolic link in its place
 * between two calls, and paths may be longer than the kernel takes at once. Node has no openat(2); /proc is as good.
 */
export class PinnedDirectory implements AsyncDisposable {
  readonly #handle: Awaited<ReturnType<typeof open>>;

  private constructor(handle: Awaited<ReturnType<typeof open>>) {
    this.#handle = handle;
  }

  /**
   * @param follow whether `path` itself may be a symbolic link.
   * @throws Error as open(2): ENOTDIR or ELOOP when it is no directory.
   */
  static async open(path: RawPath, follow = false): Promise<PinnedDirectory> {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    return new PinnedDirectory(await open(path, O_RDONLY | O_DIRECTORY | (follow ? 0 : O_NOFOLLOW)));
  }

  /** Leads to the directory for as long as it is held. */
  get path(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  async finish(mode: number, mtime: Date): Promise<void> {
    await this.#handle.chmod(mode);
    await this.#handle.utimes(mtime, mtime);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }
}
