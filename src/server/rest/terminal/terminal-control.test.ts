import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtocolError, parseResize } from './terminal-control.ts';

test('a size is taken', () => {
  expect(parseResize('{"type":"resize","cols":80,"rows":24}')).toEqual({ cols: 80, rows: 24 });
});

test('whatever else comes is refused in words that fit into a close frame', async () => {
  const check = (text: string) => {
    try {
      parseResize(text);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      expect(Buffer.byteLength((error as Error).message)).toBeLessThanOrEqual(120);
    }
  };
  await fc.assert(fc.property(fc.string(), check));
  await fc.assert(fc.property(fc.json(), check));
  await fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (cols, rows) => check(JSON.stringify({ type: 'resize', cols, rows }))));
});
