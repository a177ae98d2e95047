import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Cli } from './cli.ts';
import { renderStep, withProgress } from './progress.ts';

function cliOn(isTTY: boolean) {
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  const cli = new Cli({
    env: {},
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr,
    now: () => 0,
    color: false,
    signal: new AbortController().signal,
    takeSignals: () => () => {},
  });
  return { cli, written: () => String(stderr.read() ?? '') };
}

describe('withProgress', () => {
  test('writes nothing where nobody watches', async () => {
    const { cli, written } = cliOn(false);
    expect(await withProgress(cli, 'starting', async (show) => show({ text: 'more' }))).toBeUndefined();
    expect(written()).toBe('');
  });

  test('shows the step on a terminal, then clears the line and gives the cursor back', async () => {
    const { cli, written } = cliOn(true);
    expect(await withProgress(cli, 'starting', async () => 'result')).toBe('result');
    const text = written();
    expect(text).toContain('starting');
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
    expect(text.endsWith('\u001b[1G\u001b[0K') || text.endsWith('\u001b[1G\u001b[2K')).toBe(true);
  });

  test('gives the cursor back after a failure too', async () => {
    const { cli, written } = cliOn(true);
    await expect(withProgress(cli, 'starting', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(written()).toContain('\u001b[?25h');
  });
});

describe('renderStep', () => {
  test('draws a bar when it knows how much there is', () => {
    expect(renderStep({ text: 'capture', done: 1_000_000, total: 4_000_000 }, 3000)).toBe(
      `⠋  capture  ${'█'.repeat(6)}${'░'.repeat(18)}  1.0 MB / 4.0 MB  3s`,
    );
  });

  test('shows bytes without a bar when it does not, and never overflows', () => {
    expect(renderStep({ text: 'capture', done: 2000 }, 0)).toBe('⠋  capture  2.0 kB  0s');
    expect(renderStep({ text: 'capture', done: 0 }, 100)).toBe('⠙  capture  0s');
    expect(renderStep({ text: 'capture', done: 9, total: 3 }, 0)).toContain('█'.repeat(24));
  });

  test('shows nothing that a terminal would obey', () => {
    expect(renderStep({ text: 'a\u001b[2J' }, 0)).toBe('⠋  a\\x1b[2J  0s');
  });
});
