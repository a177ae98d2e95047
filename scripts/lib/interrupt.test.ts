import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

const MODULE = new URL('./interrupt.mjs', import.meta.url).href;

/** A command that works until it is interrupted, takes its time to clean up, and then says how it ended. */
async function start(cleanUpMs = 0) {
  const script = `
    const { onInterrupt } = await import(${JSON.stringify(MODULE)});
    const interrupted = onInterrupt(() => { console.error('again'); process.exit(99); });
    const timer = setInterval(() => console.log('working'), 5);
    interrupted.addEventListener('abort', () => setTimeout(() => {
      clearInterval(timer);
      console.error(interrupted.reason.message);
      process.exitCode = interrupted.reason.code;
    }, ${cleanUpMs}));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  const messages: string[] = [];
  child.stderr.on('data', (chunk) => messages.push(String(chunk)));
  const ended = once(child, 'close').then(([code]) => ({ code, message: messages.join('').trim() }));
  await once(child.stdout, 'data');
  return { child, ended };
}

describe('a command', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('cleans up after %s, and ends with %d', async (signal, code) => {
    const { child, ended } = await start();
    child.stdout.resume();
    child.kill(signal);
    expect(await ended).toEqual({ code, message: `interrupted by ${signal}` });
  });

  it("takes the echo of a terminal's Ctrl-C for the same interrupt", async () => {
    const { child, ended } = await start(100);
    child.stdout.resume();
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ message: expect.stringMatching(/^interrupted by SIG(INT|TERM)$/) });
  });

  it('cleans up when nobody reads its output any more', async () => {
    const { child, ended } = await start();
    child.stdout.destroy();
    expect(await ended).toEqual({ code: 141, message: 'interrupted by SIGPIPE' });
  });
});
