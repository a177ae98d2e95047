import { SandglassError } from '../model/errors.ts';

/*
 * RocksDB reports a failure as a status, of which the binding passes on the text and one of libuv's error codes. What
 * tells failures apart is in the text, in these words; failures of Node's own calls have theirs in capitals.
 * `test/integration/store-open.test.ts` and `store-failure.test.ts` hold them to real failures.
 */
const LOCKED = /LOCK: (Resource temporarily unavailable|No locks available)/;
const UNKNOWN_FAMILY = /Column families not opened: (.*)/;
const UNUSABLE = /Permission denied|Read-only file system|Operation not permitted|EACCES|EROFS|EPERM|ENOTDIR|EEXIST/;
const FULL = /No space left on device|Disk quota exceeded|File too large|ENOSPC|EDQUOT|EFBIG/;
const DAMAGED = /checksum|corrupt|mismatch|truncated|bad block|No such file|does not end with newline|existing log file/i;

/** Why the database at `path` could not be opened. */
export function openError(path: string, thrown: unknown): SandglassError {
  const text = textOf(thrown);
  const error = (reason: 'store_locked' | 'store_schema_newer' | 'invalid_config' | 'disk_full' | 'store_corrupt', message: string) =>
    new SandglassError(reason, message, { cause: thrown });

  if (LOCKED.test(text)) {
    return error('store_locked', `${path} is in use by another Sandglass server; stop that one, or give this one a data folder of its own`);
  }
  const families = UNKNOWN_FAMILY.exec(text)?.[1];
  if (families !== undefined) {
    return error('store_schema_newer', `${path} has data of a newer version of Sandglass (${families}); upgrade this server`);
  }
  if (UNUSABLE.test(text)) return error('invalid_config', `${path} cannot be used: ${text}; it must be a folder that this user may write`);
  if (FULL.test(text)) return error('disk_full', `the disk of ${path} is full: ${text}; free some space and start again`);
  return error('store_corrupt', `${path} is damaged: ${text}; nothing in it has been changed; restore it from a backup`);
}

/** Why something could not be read. */
export function readError(thrown: unknown): SandglassError {
  if (!DAMAGED.test(textOf(thrown))) return SandglassError.from(thrown);
  const message = 'a file of the store is damaged; the server log names it; stop the server and restore the store from a backup';
  return new SandglassError('store_corrupt', message, { cause: thrown });
}

/** Why something could not be written or made durable. */
export function writeError(path: string, thrown: unknown): SandglassError {
  const text = textOf(thrown);
  if (FULL.test(text)) {
    const message = `the disk of the store at ${path} is full; free some space, then restart the server`;
    return new SandglassError('disk_full', message, { cause: thrown });
  }
  if (DAMAGED.test(text)) return readError(thrown);
  const message = 'the store could not be written; the server log says why; restart the server once the cause is gone';
  return new SandglassError('internal', message, { cause: thrown });
}

/** The texts of an error and of everything that caused it. */
function textOf(thrown: unknown): string {
  const texts: string[] = [];
  for (let error = thrown; error instanceof Error; error = error.cause) texts.push(error.message.trim());
  return texts.join(': ') || String(thrown);
}
