import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Compares two folders, files in folders below included.
 * @param {string} left
 * @param {string} right
 * @returns {string[]} files that are on one side only, or differ
 */
export function differingFiles(left, right) {
  const names = new Set([...filesIn(left), ...filesIn(right)]);
  return [...names].filter((name) => read(join(left, name)) !== read(join(right, name))).sort();
}

/** @param {string} folder */
function filesIn(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
