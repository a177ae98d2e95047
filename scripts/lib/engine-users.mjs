import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLive } from './live-process.mjs';

/**
 * Who uses the engine that one of our commands has started. It is stopped by the last one to leave. The folder holds the
 * file `engine` with the identity of the `dockerd`, and a file for each user, named after its identity; those of
 * processes that are gone do not count. Callers hold the folder's lock.
 */
export class EngineUsers {
  /**
   * @param {string} folder
   * @param {(identity: import('./live-process.mjs').ProcessIdentity) => boolean} [live]
   */
  constructor(folder, live = isLive) {
    this.folder = folder;
    this.users = join(folder, 'users');
    this.live = live;
    mkdirSync(this.users, { recursive: true, mode: 0o755 });
  }

  /** The engine that we have started, if it still runs. */
  get engine() {
    try {
      const identity = readFileSync(join(this.folder, 'engine'), 'utf8');
      return this.live(identity) ? identity : undefined;
    } catch {
      return undefined;
    }
  }

  /** @param {string} identity of the `dockerd` */
  recordEngine(identity) {
    writeFileSync(join(this.folder, 'engine'), identity);
  }

  forgetEngine() {
    rmSync(join(this.folder, 'engine'), { force: true });
  }

  /** @param {string} identity of a process that uses the engine from now on */
  join(identity) {
    writeFileSync(join(this.users, identity), '');
  }

  /**
   * @param {string} identity of a process that does not use it any more
   * @returns {number} how many others do
   */
  leave(identity) {
    rmSync(join(this.users, identity), { force: true });
    return this.#living().length;
  }

  #living() {
    return readdirSync(this.users).filter((user) => {
      if (this.live(user)) return true;
      rmSync(join(this.users, user), { force: true });
      return false;
    });
  }
}
