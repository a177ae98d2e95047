import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folders of system programs, which are not on the PATH of every user. */
export const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * @param {string} name
 * @param {string} [path] in the form of the PATH variable
 * @returns {string | undefined} where the program is, on the PATH or among the system's
 */
export function findProgram(name, path = process.env.PATH ?? '') {
  return [...path.split(delimiter), ...SYSTEM_FOLDERS].map((folder) => join(folder, name)).find(isExecutable);
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
