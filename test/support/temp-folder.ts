import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder of the running test, removed with everything in it when the test ends. */
export function tempFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sandglass-test-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
