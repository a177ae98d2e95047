import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLogFrames } from './log-frames.ts';
import { readLogLines } from './log-lines.ts';

const TIME = '2026-03-01T10:20:30.123456789Z';
const AT = Date.parse('2026-03-01T10:20:30.123Z');

function frame(type: number, payload: string | Buffer, length?: number): Buffer {
  const bytes = Buffer.from(payload);
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(length ?? bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

const linesOf = async (source: Readable) =>
  (await Array.fromAsync(readLogLines(readLogFrames(source)))).map(({ at, stream, bytes }) => [at, stream, Buffer.from(bytes).toString()]);

test('each line has its time and stream, and no line feed', async () => {
  const frames = [frame(1, `${TIME} out\n`), frame(2, `${TIME} \n`), frame(1, `${TIME} a b\r\n`), frame(1, `${TIME} end`)];
  expect(await linesOf(Readable.from(frames))).toEqual([
    [AT, 'stdout', 'out'],
    [AT, 'stderr', ''],
    [AT, 'stdout', 'a b\r'],
    [AT, 'stdout', 'end'],
  ]);
});

test('a long line is put together again up to 64 KiB, also when another stream comes in between', async () => {
  const part = (letter: string) => frame(1, `${TIME} ${letter.repeat(16_384)}`);
  const frames = [part('a'), frame(2, `${TIME} err\n`), part('b'), part('c'), part('d'), part('e'), frame(1, `${TIME} f\n`)];
  const lines = await linesOf(Readable.from(frames));
  expect(lines.map(([, stream, text]) => [stream, String(text).length])).toEqual([
    ['stderr', 3],
    ['stdout', 65_536],
    ['stdout', 16_385],
  ]);
});

test('however the frames are cut into chunks, the lines are the same', async () => {
  const texts = fc.array(fc.record({ type: fc.constantFrom(1, 2), text: fc.stringMatching(/^[a-zäö ]{0,40}$/) }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), async (input, cuts) => {
      const bytes = Buffer.concat(input.map(({ type, text }) => frame(type, `${TIME} ${text}\n`)));
      const chunks: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = cuts[turn % cuts.length] ?? 1;
        chunks.push(bytes.subarray(at, at + length));
        at += length;
      }
      const expected = input.map(({ type, text }) => [AT, type === 1 ? 'stdout' : 'stderr', text]);
      expect(await linesOf(Readable.from(chunks))).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test('a line is told as soon as it has come', async () => {
  const source = new PassThrough();
  const lines = readLogLines(readLogFrames(source));
  source.write(frame(1, `${TIME} now\n`));
  expect(Buffer.from((await lines.next()).value?.bytes ?? []).toString()).toBe('now');
  source.destroy();
});

test.each([
  ['a stream of an unknown type', frame(7, 'x'), 'engine_error'],
  ['a frame of four gigabytes', frame(1, 'x', 0xffff_ffff), 'engine_error'],
  ['an end inside a frame', frame(1, 'x', 10), 'engine_unavailable'],
  ['an end inside a header', Buffer.from([1, 0, 0]), 'engine_unavailable'],
])('%s is an error', async (_what, bytes, reason) => {
  await expect(linesOf(Readable.from([bytes]))).rejects.toMatchObject({ reason });
});
