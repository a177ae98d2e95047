import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { demultiplex } from './stream-demultiplexer.ts';

function frame(type: number, payload: Buffer, length = payload.length): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(length, 4);
  return Buffer.concat([header, payload]);
}

test('however the frames are cut into chunks, each output gets its bytes in order', async () => {
  const frames = fc.array(fc.record({ type: fc.constantFrom(1, 2), payload: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), async (input, cuts) => {
      const bytes = Buffer.concat(input.map(({ type, payload }) => frame(type, Buffer.from(payload))));
      const chunks: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const length = cuts[turn % cuts.length] ?? 1;
        chunks.push(bytes.subarray(at, at + length));
        at += length;
      }
      const { stdout, stderr, done } = demultiplex(Readable.from(chunks));
      const [out, err] = await Promise.all([buffer(stdout), buffer(stderr), done]);
      const expected = (type: number) => Buffer.concat(input.filter((one) => one.type === type).map(({ payload }) => payload));
      expect(out.equals(expected(1))).toBe(true);
      expect(err.equals(expected(2))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('a frame that claims four gigabytes is passed on as it comes', async () => {
  const source = new PassThrough();
  const { stdout } = demultiplex(source);
  source.write(frame(1, Buffer.from('abc'), 0xffff_ffff));
  const [chunk] = await Array.fromAsync(stdout.take(1));
  expect(String(chunk)).toBe('abc');
  source.destroy();
});

test('what is not read is not taken from the source', async () => {
  let produced = 0;
  const source = new Readable({
    highWaterMark: 1024,
    read() {
      produced += 1008;
      this.push(frame(1, Buffer.alloc(1000)));
    },
  });
  const { stdout, firstOutput } = demultiplex(source);
  await firstOutput;
  await expect.poll(() => stdout.readableLength).toBeGreaterThanOrEqual(stdout.readableHighWaterMark);
  expect(produced).toBeLessThan(4 * stdout.readableHighWaterMark);
  source.destroy();
});

test('an output that is destroyed does not hold up the other', async () => {
  const big = frame(1, Buffer.alloc(1_000_000));
  const { stdout, stderr, done } = demultiplex(Readable.from([big, frame(2, Buffer.from('err'))]));
  stdout.destroy();
  expect(String(await buffer(stderr))).toBe('err');
  await done;
});

test.each([
  ['a stream of an unknown type', frame(7, Buffer.from('x')), 'engine_error'],
  ['an end inside a frame', frame(1, Buffer.from('x'), 10), 'engine_unavailable'],
  ['an end inside a header', Buffer.from([1, 0, 0]), 'engine_unavailable'],
])('%s is an error for whoever reads', async (_what, bytes, reason) => {
  const { stdout, done } = demultiplex(Readable.from([bytes]));
  await expect(buffer(stdout)).rejects.toMatchObject({ reason });
  await expect(done).rejects.toMatchObject({ reason });
});

test('the first output is told of, and so is an end without any', async () => {
  const silent = demultiplex(Readable.from([]));
  await silent.firstOutput;
  await silent.done;
});
