import { statSync } from 'node:fs';

/**
 * Whether our root folder is another one than that of the machine's first process. In a plain chroot, runc falls through to
 * the machine's own root: what runs in a container there writes to the machine's files.
 * @param {string} [machineRoot]
 * @param {string} [ownRoot]
 * @returns {boolean} false where it can't be told
 */
export function isChroot(machineRoot = '/proc/1/root/', ownRoot = '/') {
  try {
    const [machine, own] = [statSync(machineRoot), statSync(ownRoot)];
    return machine.dev !== own.dev || machine.ino !== own.ino;
  } catch {
    return false;
  }
}
