import { CliError } from '../failure.ts';

const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4_095;

/**
 * The segments of an entry's name, none for the folder itself.
 * @throws CliError for a name that leads out of the folder, or that no file can have.
 */
export function entrySegments(name: string): string[] {
  if (name.startsWith('/')) throw unsafe(name, 'it is absolute');
  if (name.includes('\0')) throw unsafe(name, 'it holds a zero byte');
  if (Buffer.byteLength(name) > MAX_PATH_BYTES) throw unsafe(name, 'it is too long');
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw unsafe(name, 'it leads out of the folder');
  if (segments.some((segment) => Buffer.byteLength(segment) > MAX_NAME_BYTES)) throw unsafe(name, 'it is too long');
  return segments;
}

/**
 * The segments of an entry's name below the folder that the archive is of, whose own name they begin with; the root folder has none.
 * @throws CliError like `entrySegments`, and for a name that is not in that folder.
 */
export function segmentsBelow(ownName: string, name: string): string[] {
  const segments = entrySegments(name);
  if (ownName === '') return segments;
  if (segments[0] !== ownName) throw unsafe(name, 'it is not in the folder that was asked for');
  return segments.slice(1);
}

/**
 * Whether a symbolic link stays within the folder that the archive is unpacked to. `depth`: how many folders it lies below that.
 * `..` counts at the beginning only: behind a name it could lead up from wherever that name, itself a link, leads to.
 */
export function staysWithin(target: string, depth: number): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0') || Buffer.byteLength(target) > MAX_PATH_BYTES) return false;
  const segments = target.split('/').filter((segment) => segment !== '' && segment !== '.');
  const up = segments.findIndex((segment) => segment !== '..');
  const leading = up === -1 ? segments.length : up;
  return leading <= depth && !segments.slice(leading).includes('..');
}

/** What a hostile archive is refused with; nothing of it stays. */
export function unsafe(name: string, why: string): CliError {
  const shown = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return new CliError(`the archive from the sandbox is not safe to unpack: ${JSON.stringify(shown)}: ${why}`, {
    hint: 'something in the sandbox may have tampered with it; nothing was copied',
  });
}
