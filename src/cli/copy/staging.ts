import { chmod, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const PREFIX = '.sandglass-cp-';

/**
 * Runs `fill` with a new folder in `parent` that only this user can open, and removes it in the end, with whatever is still in it:
 * what is copied appears under its name only when it is complete.
 */
export async function withStaging<T>(parent: string, fill: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(parent, PREFIX));
  try {
    return await fill(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes a new file. @throws EEXIST when there is one, or a link. */
export async function writeNewFile(path: string, chunks: AsyncIterable<Uint8Array>, mode: number, signal?: AbortSignal): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(chunks, { signal });
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

/** Moves a folder to a path where nothing is. */
export async function publishFolder(staged: string, target: string, mode: number): Promise<void> {
  await chmod(staged, mode);
  await rename(staged, target);
}
