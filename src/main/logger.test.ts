import { describe, expect, it } from 'vitest';
import { SandglassError } from '../model/errors.ts';
import { createLogger, type LoggerOptions } from './logger.ts';

function record(options: Partial<LoggerOptions> & { isTTY?: boolean } = {}) {
  const lines: string[] = [];
  const output = { isTTY: options.isTTY ?? false, write: (line: string) => lines.push(line) };
  return { lines, log: createLogger({ level: 'info', format: 'auto', output, ...options }) };
}

describe('JSON', () => {
  it('writes one object a line, with level, time, fields and message', () => {
    const { log, lines } = record();
    log.child({ executor: 'exec-1' }).warn({ attempt: 2 }, 'went away');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      executor: 'exec-1',
      attempt: 2,
      msg: 'went away',
    });
  });

  it('leaves out what is less important than its level', () => {
    const { log, lines } = record({ level: 'warn' });
    log.info({}, 'not this');
    log.error({}, 'this');
    expect(lines).toHaveLength(1);
  });

  it.each([
    { authorization: 'Bearer sesame' },
    { password: 'sesame' },
    { req: { headers: { authorization: 'sesame', 'x-api-key': 'sesame', cookie: 'sesame' } } },
    { registry: { host: 'ghcr.io', password: 'sesame' } },
    { a: { b: { c: { token: 'sesame', secretEnv: { A: 'sesame' } } } } },
  ])('masks the secrets of %j', (fields) => {
    const { log, lines } = record();
    log.info(fields, 'request');
    expect(lines[0]).not.toContain('sesame');
    expect(lines[0]).toContain('[redacted]');
  });

  it('writes an error with its reason, its stack and what caused it', () => {
    const { log, lines } = record();
    log.error({ err: new SandglassError('engine_error', 'commit failed', { cause: new Error('no space') }) }, 'capture failed');
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      err: {
        reason: 'engine_error',
        message: 'commit failed',
        stack: expect.stringContaining('logger.test.ts'),
        cause: { message: 'no space' },
      },
    });
  });
});

describe('pretty', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
  const plain = (line: string | undefined) => line?.replace(/\u001b\[\d+m/g, '');

  it('is what a terminal gets', () => {
    const { log, lines } = record({ isTTY: true });
    log.info({ port: 8900, namespace: 'default' }, 'listening');
    expect(plain(lines[0])).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}info {3}listening {2}port=8900 {2}namespace=default\n$/);
  });

  it('shows the stack of an error below its line', () => {
    const { log, lines } = record({ format: 'pretty' });
    log.error({ err: new Error('broken') }, 'capture failed');
    expect(plain(lines[0])).toMatch(/capture failed {2}error=broken\n {4}at .*logger\.test\.ts/);
  });

  it('lets no value steer the terminal', () => {
    const { log, lines } = record({ format: 'pretty' });
    log.info({ name: 'a\u001b[2J\nb\u009b' }, 'named');
    expect(plain(lines[0])).toMatch(/name=a\\u001b\[2J\\nb\?\n$/);
  });
});
