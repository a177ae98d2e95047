import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readStartLine } from './start-line.ts';

const LINE = { entrypoint: ['sh', '-c', 'echo ä'], env: { A: 'b\nc' }, user: 'app' };

test('a line that comes in pieces is read as one, and what follows it is left', async () => {
  const bytes = Buffer.from(`${JSON.stringify(LINE)}\nmore`);
  const pieces = Array.from(bytes, (byte) => Buffer.of(byte));
  expect(await readStartLine(Readable.from(pieces))).toEqual(LINE);
});

test('an input that ends too early, and a line that is none, are errors', async () => {
  await expect(readStartLine(Readable.from([Buffer.from('{"entry')]))).rejects.toThrow('ended before');
  await expect(readStartLine(Readable.from([Buffer.from('{"entrypoint":[]}\n')]))).rejects.toThrow('wrong shape');
  await expect(readStartLine(Readable.from([Buffer.from('nonsense\n')]))).rejects.toThrow();
});

test('a line without end is given up', async () => {
  async function* endless() {
    for (;;) yield Buffer.alloc(1024 * 1024, 'x');
  }
  await expect(readStartLine(Readable.from(endless()))).rejects.toThrow('longer than');
});
