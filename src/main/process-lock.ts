import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { SandglassError } from '../model/errors.ts';

/**
 * Keeps a second process from using `folder` for the same `purpose`. The lock is a socket in the kernel's abstract
 * namespace: it goes with its process however that ends, so that there are no stale locks.
 * @returns a function that gives it free.
 * @throws SandglassError `store_locked`.
 */
export async function lockFolder(folder: string, purpose: string): Promise<() => Promise<void>> {
  if (process.platform !== 'linux') return async () => {};
  const name = createHash('sha256')
    .update(`${purpose}\0${await realpath(folder)}`)
    .digest('hex');
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0sandglass-${name}`);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const message = `another process runs the ${purpose} of ${folder}; stop it, or choose another data_dir`;
    throw new SandglassError('store_locked', message, { cause });
  }
  server.unref();
  return async () => {
    server.close();
    await once(server, 'close');
  };
}
