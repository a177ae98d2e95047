import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readJsonLines } from './json-lines.ts';

const NEVER = new AbortController().signal;

test('lines are put together from chunks, and what is no object is skipped', async () => {
  const bytes = Buffer.from('{"a":"ä"}\r\n\nnonsense\n[1]\n3\n{"b":2}');
  const chunks = Array.from(bytes, (byte) => Buffer.of(byte));
  expect(await Array.fromAsync(readJsonLines(Readable.from(chunks), NEVER))).toEqual([{ a: 'ä' }, { b: 2 }]);
});

test('a line without end is given up', async () => {
  async function* endless() {
    for (;;) yield Buffer.alloc(100_000, 'x');
  }
  const lines = Array.fromAsync(readJsonLines(Readable.from(endless()), NEVER));
  await expect(lines).rejects.toMatchObject({ reason: 'engine_error' });
});

test('an aborted signal ends the wait for a line with its reason, and closes the stream', async () => {
  const stream = new PassThrough();
  const controller = new AbortController();
  const lines = Array.fromAsync(readJsonLines(stream, controller.signal));
  stream.write('{"a":1}\n');
  controller.abort(new Error('enough'));
  await expect(lines).rejects.toThrow('enough');
  expect(stream.destroyed).toBe(true);
});

test('a connection that breaks is an engine that is not available', async () => {
  const stream = new PassThrough();
  const lines = Array.fromAsync(readJsonLines(stream, NEVER));
  stream.destroy(new Error('reset'));
  await expect(lines).rejects.toMatchObject({ reason: 'engine_unavailable' });
});
