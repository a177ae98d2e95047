import { lstat, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError } from '../failure.ts';

/**
 * Moves what is in `staged` into the folder `target`, which may hold things of the same names: files are replaced, folders merged. Links
 * in `target` are replaced, never followed. Nothing is moved when there is a conflict.
 * @throws CliError when a file would replace a folder, or the other way round.
 */
export async function mergeFolder(staged: string, target: string): Promise<void> {
  await walk(staged, target, async () => {});
  await walk(staged, target, rename);
}

async function walk(from: string, to: string, move: (from: string, to: string) => Promise<void>): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const destination = join(to, entry.name);
    const existing = await kindOf(destination);
    if (existing === 'directory' && entry.isDirectory()) await walk(source, destination, move);
    else if (existing === 'directory') throw new CliError(`cannot replace the folder ${destination} by a file`);
    else if (existing === 'other' && entry.isDirectory())
      throw new CliError(`cannot replace ${destination}, which is no folder, by a folder`);
    else await move(source, destination);
  }
}

async function kindOf(path: string): Promise<'directory' | 'other' | 'nothing'> {
  try {
    return (await lstat(path)).isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'nothing';
    throw error;
  }
}
