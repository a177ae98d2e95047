import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The version of the package that this file is in: compiled, it lies deeper than its source. */
export const VERSION = readVersion(import.meta.dirname);

function readVersion(folder: string): string {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string };
    if (manifest.name === 'sandglass' && manifest.version !== undefined) return manifest.version;
  } catch {
    // not here, but further up
  }
  const parent = dirname(folder);
  return parent === folder ? 'unknown' : readVersion(parent);
}
