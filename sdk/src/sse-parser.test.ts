import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type SseEvent, SseParser } from './sse-parser.ts';

function parse(...chunks: string[]): SseEvent[] {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
}

const message = (data: string, id = '') => ({ type: 'message', data, id });

describe('SseParser', () => {
  test.each([
    ['LF', 'data: a\n\n', [message('a')]],
    ['CR', 'data: a\r\rdata: b\r\r', [message('a'), message('b')]],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [message('a'), message('b')]],
    ['mixed line ends', 'data: a\r\ndata: b\n\r', [message('a\nb')]],
    ['several data lines', 'data: a\ndata:\ndata: b\n\n', [message('a\n\nb')]],
    ['no space after the colon', 'data:a\n\n', [message('a')]],
    ['only one space is dropped', 'data:  a\n\n', [message(' a')]],
    ['a field without a colon', 'data\n\n', [message('')]],
    ['a colon in the value', 'data: a: b\n\n', [message('a: b')]],
    ['a byte order mark', '\uFEFFdata: a\n\n', [message('a')]],
    ['only the first mark', '\uFEFF\uFEFFdata: a\n\ndata: b\n\n', [message('b')]],
    ['comments', ': hello\n\ndata: a\n: there\n\n', [message('a')]],
    ['unknown fields', 'retry: 10\nfoo: bar\ndata: a\n\n', [message('a')]],
    ['a type, for one event', 'event: x\ndata: a\n\ndata: b\n\n', [{ type: 'x', data: 'a', id: '' }, message('b')]],
    ['a type without data', 'event: x\n\ndata: a\n\n', [message('a')]],
    ['an id, kept for those that follow', 'id: 7\ndata: a\n\ndata: b\n\n', [message('a', '7'), message('b', '7')]],
    ['an id without data', 'id: 7\n\ndata: b\n\n', [message('b', '7')]],
    ['an id that is taken back', 'id: 7\ndata: a\n\nid\ndata: b\n\n', [message('a', '7'), message('b')]],
    ['an id with a NUL is ignored', 'id: 7\0\ndata: a\n\n', [message('a')]],
    ['an event that is never completed', 'data: a\n\ndata: b\n', [message('a')]],
  ])('understands %s', (_name, text, events) => {
    expect(parse(text)).toEqual(events);
  });

  test('gives an event as soon as its last line is complete', () => {
    const parser = new SseParser();
    expect(parser.push('data: a\r\n\r')).toEqual([message('a')]);
    expect(parser.push('\ndata: b\n')).toEqual([]);
    expect(parser.push('\n')).toEqual([message('b')]);
  });

  test('gives the same events however the text is cut', () => {
    const line = fc.oneof(
      fc.constantFrom('data: a', 'data:', 'data', 'event: x', 'id: 1', 'id', ': comment', 'retry: 5', '', '', '\uFEFF'),
      fc.string({ unit: 'grapheme' }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
    );
    const text = fc
      .array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n')), { maxLength: 30 })
      .map((lines) => lines.map(([body, end]) => body + end).join(''));
    fc.assert(
      fc.property(text, fc.array(fc.nat(20), { minLength: 1 }), (whole, cuts) => {
        const chunks: string[] = [];
        for (let start = 0, turn = 0; start < whole.length; turn++) {
          const size = (cuts[turn % cuts.length] ?? 0) + (turn % 2);
          chunks.push(whole.slice(start, start + size));
          start += size;
        }
        expect(parse(...chunks)).toEqual(parse(whole));
      }),
      { numRuns: 500 },
    );
  });

  test('gives back every event that was written', () => {
    const text = fc.string({ unit: 'grapheme' }).map((value) => value.replace(/\r\n?/g, '\n'));
    fc.assert(
      fc.property(fc.array(text), (events) => {
        const stream = events
          .map(
            (data) =>
              `${data
                .split('\n')
                .map((line) => `data: ${line}\n`)
                .join('')}\n`,
          )
          .join('');
        expect(parse(stream).map(({ data }) => data)).toEqual(events);
      }),
    );
  });

  test('refuses an event without end', () => {
    const parser = new SseParser();
    const megabyte = 'x'.repeat(1024 * 1024);
    expect(() => {
      for (let i = 0; i < 100; i++) parser.push(megabyte);
    }).toThrow(RangeError);
  });

  test('forgets comments and finished lines: a long quiet stream does not fill up', () => {
    const parser = new SseParser();
    const comment = `:${'x'.repeat(1024 * 1024)}`;
    for (let i = 0; i < 80; i++) {
      parser.push(comment);
      parser.push('\n');
    }
    expect(parser.push('data: a\n\n')).toEqual([message('a')]);
  });
});
