import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Totals
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/**
 * What we read of vitest's JSON report.
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} [numTodoTests]
 * @property {{ status: string, assertionResults: unknown[] }[]} testResults one for each file
 */

/**
 * What vitest's JSON report counts. A file that could not even be loaded counts as one failed test; so does a run that
 * ended badly though no test failed, or that ran none, or wrote no report.
 * @param {string | undefined} report the JSON text; undefined when there is none
 * @param {boolean} endedWell whether vitest ended with status 0
 * @returns {Totals}
 */
export function totalsOf(report, endedWell) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  /** @type {Report} */
  const { numPassedTests: passed, numFailedTests, numPendingTests, numTodoTests = 0, testResults } = JSON.parse(report);
  const unloaded = testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).length;
  const failed = numFailedTests + unloaded;
  const silent = failed === 0 && (!endedWell || passed === 0);
  return { passed, failed: silent ? 1 : failed, skipped: numPendingTests + numTodoTests };
}

/**
 * @param {Totals} totals
 * @returns {string} `tests: N passed, N failed`, and the skipped ones when there are any
 */
export function totalsLine({ passed, failed, skipped }) {
  return `tests: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * @param {string} file
 * @returns {string | undefined} its text; undefined when it is not there or not whole
 */
export function readReport(file) {
  try {
    const text = readFileSync(file, 'utf8');
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}
