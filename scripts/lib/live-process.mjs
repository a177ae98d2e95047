import { readFileSync } from 'node:fs';

/**
 * A process that cannot be mistaken for a later one with the same id: `PID-START`, where START is the time of its start in
 * clock ticks since boot (proc(5), field 22).
 * @typedef {string} ProcessIdentity
 */

/**
 * @param {number} pid
 * @returns {ProcessIdentity | undefined} undefined when there is no such process
 */
export function identityOf(pid) {
  const stat = readProc(pid, 'stat');
  // The second field is the program's name in parentheses, and may hold anything; what follows the last one is regular.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : `${pid}-${fields[19]}`;
}

/**
 * @param {ProcessIdentity} identity
 * @returns {boolean} whether that very process still runs
 */
export function isLive(identity) {
  return identityOf(pidOf(identity)) === identity;
}

/**
 * @param {ProcessIdentity} identity
 * @returns {number}
 */
export function pidOf(identity) {
  return Number(identity.split('-')[0]);
}

/**
 * @param {number} pid
 * @returns {string | undefined} name of the program, as in `ps -o comm`
 */
export function programOf(pid) {
  return readProc(pid, 'comm')?.trim();
}

/**
 * @param {number} pid
 * @param {string} file
 */
function readProc(pid, file) {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
