import { stat } from 'node:fs/promises';
import type { Kind } from './target.ts';

/** What there is at a path of this machine. */
export interface LocalFile {
  readonly kind: Kind;
  /** False for devices, pipes and the like, which can be read and written but not replaced. */
  readonly isRegular: boolean;
  readonly sizeBytes: number;
  /** Permission bits. */
  readonly mode: number;
}

/** Follows links. A link that leads nowhere counts as nothing. */
export async function inspectHere(path: string): Promise<LocalFile> {
  try {
    const found = await stat(path);
    const kind = found.isDirectory() ? 'directory' : 'file';
    return { kind, isRegular: found.isFile(), sizeBytes: found.size, mode: found.mode & 0o777 };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { kind: 'nothing', isRegular: false, sizeBytes: 0, mode: 0 };
    throw error;
  }
}
