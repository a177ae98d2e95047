import fc from 'fast-check';
import { expect, test } from 'vitest';
import { multipartBoundary, readMultipart } from './multipart.ts';

const BOUNDARY = 'b';

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function parts(body: string | Buffer, size = 7) {
  const found: { name: string; filename: string | undefined; bytes: Buffer }[] = [];
  for await (const { name, filename, body: chunks } of readMultipart(inChunks(Buffer.from(body), size), BOUNDARY)) {
    const bytes: Buffer[] = [];
    for await (const chunk of chunks) bytes.push(chunk);
    found.push({ name, filename, bytes: Buffer.concat(bytes) });
  }
  return found;
}

function part(disposition: string, bytes: string | Buffer = ''): Buffer {
  return Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data${disposition}\r\n\r\n`),
    Buffer.from(bytes),
    Buffer.from('\r\n'),
  ]);
}

const END = Buffer.from(`--${BOUNDARY}--`);

test('any bytes come out as they went in, however they are cut', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('\r\n', '\r', '--b', '\r\n--', '\r\n--c', '-').map((text) => Buffer.from(text)),
  );
  const content = fc
    .array(piece, { maxLength: 6 })
    .map((pieces) => Buffer.concat(pieces))
    .filter((bytes) => !Buffer.concat([Buffer.from('\r\n'), bytes]).includes('\r\n--b'));
  await fc.assert(
    fc.asyncProperty(fc.array(content, { maxLength: 4 }), fc.integer({ min: 1, max: 40 }), async (contents, size) => {
      const body = Buffer.concat([...contents.map((bytes, index) => part(`; name="f${index}"`, bytes)), END]);
      expect((await parts(body, size)).map(({ name, bytes }) => [name, bytes.toString('hex')])).toEqual(
        contents.map((bytes, index) => [`f${index}`, bytes.toString('hex')]),
      );
    }),
  );
});

test.each([
  ['; name="file"; filename="plain"', 'plain'],
  ['; name="file"; filename=token', 'token'],
  ['; name="file"; filename="ü 日"', 'ü 日'],
  ['; name="file"; filename="a\\"b\\\\c\\d"', 'a"b\\c\\d'],
  ['; name="file"; filename="a%22b%0D%0Ac%41"', 'a"b\r\nc%41'],
  ['; name="file"; filename="x; name=y"', 'x; name=y'],
  ['; filename="old"; name="file"; filename*=UTF-8\'\'n%C3%BC', 'nü'],
  ['; name="file"; filename=""', ''],
  ['; name="file"', undefined],
])('of %s the file name is %j', async (disposition, filename) => {
  expect(await parts(Buffer.concat([part(disposition, 'x'), END]))).toMatchObject([{ name: 'file', filename }]);
});

test('a part that is not read is passed over', async () => {
  const names: string[] = [];
  const body = Buffer.concat([part('; name="a"', 'x'.repeat(1000)), part('; name="b"', 'y'), END]);
  for await (const { name, body: bytes } of readMultipart(inChunks(body, 10), BOUNDARY)) {
    names.push(name);
    for await (const _ of bytes) break;
  }
  expect(names).toEqual(['a', 'b']);
});

test('what comes before the first boundary and after the last one counts for nothing', async () => {
  expect(await parts(Buffer.concat([Buffer.from('hello\r\n'), part('; name="a"', 'x'), END, Buffer.from('\r\nbye --b')]))).toHaveLength(1);
  expect(await parts(END)).toEqual([]);
});

test.each([
  ['nothing', ''],
  ['no boundary', 'just text'],
  ['no end', part('; name="a"', 'x')],
  ['an end within a part', `--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx`],
  ['an end within headers', '--b\r\nContent-Dispo'],
  ['text after a boundary', '--bad\r\n\r\n'],
  ['no disposition', Buffer.concat([Buffer.from('--b\r\n\r\nx\r\n'), END])],
  ['no name', Buffer.concat([part('; filename="x"'), END])],
  ['a bad extended name', Buffer.concat([part('; name="f"; filename*=UTF-8\'\'%ZZ'), END])],
  ['endless headers', `--b\r\n${'X: y\r\n'.repeat(5000)}`],
])('a body with %s is refused', async (_, body) => {
  await expect(parts(body)).rejects.toMatchObject({ reason: 'invalid_request' });
});

test('the source is let go of, also when the body is refused', async () => {
  for (const body of [Buffer.concat([part('; name="a"'), END, Buffer.alloc(100)]), Buffer.from('--bad'.padEnd(100))]) {
    let ended = false;
    const source = (async function* () {
      try {
        yield* inChunks(body, 5);
      } finally {
        ended = true;
      }
    })();
    await (async () => {
      for await (const _ of readMultipart(source, BOUNDARY));
    })().catch(() => {});
    expect(ended).toBe(true);
  }
});

test('the boundary is read from the Content-Type, quoted or not', () => {
  expect(multipartBoundary('multipart/form-data; boundary=abc')).toBe('abc');
  expect(multipartBoundary('multipart/form-data; charset=utf-8; Boundary="a b;c"')).toBe('a b;c');
  for (const type of ['multipart/form-data', 'multipart/form-data; boundary=', `multipart/form-data; boundary=${'x'.repeat(71)}`]) {
    expect(() => multipartBoundary(type)).toThrow('no usable boundary');
  }
});
