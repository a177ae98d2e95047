import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SandglassError } from '../model/errors.ts';
import { type ExecutorId, isId, type NewId } from '../model/ids.ts';

/**
 * The id of this host's executor: made once, and kept in `dataDir`, because everything that it makes in the engine carries it.
 * @throws SandglassError `invalid_config` when the file is there and holds no id: a new one would not find its own sandboxes.
 */
export async function executorIdentity(dataDir: string, newId: NewId): Promise<ExecutorId> {
  const path = join(dataDir, 'executor-id');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new SandglassError('invalid_config', `${path} can't be read: ${error.message}`, { cause: error });
  });
  if (text === undefined) return await create(path, newId('executor'));
  const id = text.trim();
  if (isId('executor', id)) return id;
  throw new SandglassError('invalid_config', `${path} holds no executor id; restore it, or remove it to begin as a new executor`);
}

/** Complete under its name, or not there at all, whenever the power goes. */
async function create(path: string, id: ExecutorId): Promise<ExecutorId> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${id}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return id;
}
