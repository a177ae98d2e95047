import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const { totalsOf, totalsLine, readReport } = await import('./test-totals.mjs' as string);
const { differingFiles } = await import('./same-files.mjs' as string);

function report(passed: number, failed: number, pending = 0, todo = 0, unloaded = 0): string {
  return JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: todo,
    testResults: [
      { status: 'passed', assertionResults: [{}] },
      ...Array.from({ length: unloaded }, () => ({ status: 'failed', assertionResults: [] })),
    ],
  });
}

describe('the last line', () => {
  it.each([
    ['all passed', report(12, 0), true, 'tests: 12 passed, 0 failed'],
    ['some failed', report(10, 2), false, 'tests: 10 passed, 2 failed'],
    ['some were skipped', report(10, 0, 2, 1), true, 'tests: 10 passed, 0 failed, 3 skipped'],
    ['a file could not be loaded', report(10, 0, 0, 0, 1), false, 'tests: 10 passed, 1 failed'],
    ['vitest failed for another reason, such as an unhandled rejection', report(10, 0), false, 'tests: 10 passed, 1 failed'],
    ['no test ran', report(0, 0), true, 'tests: 0 passed, 1 failed'],
    ['vitest crashed', undefined, false, 'tests: 0 passed, 1 failed'],
  ])('when %s', (_, json, endedWell, line) => {
    expect(totalsLine(totalsOf(json, endedWell))).toBe(line);
  });
});

it('reads no report that is missing or cut off', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandglass-report-'));
  const file = join(folder, 'report.json');
  expect(readReport(file)).toBeUndefined();
  writeFileSync(file, report(1, 0).slice(0, -5));
  expect(readReport(file)).toBeUndefined();
  writeFileSync(file, report(1, 0));
  expect(readReport(file)).toBe(report(1, 0));
  rmSync(folder, { recursive: true });
});

it('finds the files that differ between two folders, at any depth', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandglass-same-'));
  const [left, right] = [join(folder, 'left'), join(folder, 'right')];
  for (const side of [left, right]) {
    mkdirSync(join(side, 'deep'), { recursive: true });
    writeFileSync(join(side, 'deep/same'), '1');
  }
  writeFileSync(join(left, 'deep/changed'), '1');
  writeFileSync(join(right, 'deep/changed'), '2');
  writeFileSync(join(left, 'removed'), '');
  writeFileSync(join(right, 'added'), '');
  expect(differingFiles(left, right)).toEqual(['added', 'deep/changed', 'removed']);
  expect(differingFiles(left, left)).toEqual([]);
  rmSync(folder, { recursive: true });
});
