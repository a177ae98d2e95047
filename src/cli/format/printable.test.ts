import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable, printableLines } from './printable.ts';

test.each([
  ['plain text, ünïcödé 漢字 🙂', 'plain text, ünïcödé 漢字 🙂'],
  ['\u001b[31mred', '\\x1b[31mred'],
  ['a\r\nb\tc', 'a\\x0d\\nb\\x09c'],
  ['\u009b2J', '\\x9b2J'],
  ['\u202eevil\u2066', '\\u{202e}evil\\u{2066}'],
  ['zero\u200bwidth', 'zero\\u{200b}width'],
  ['\u2028', '\\u{2028}'],
])('%j prints as %s', (text, expected) => {
  expect(printable(text)).toBe(expected);
});

test('nothing that a terminal obeys is left, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      expect(printableLines(text)).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
  );
});

test('printableLines keeps line breaks', () => {
  expect(printableLines('a\r\nb\n\u001bc')).toBe('a\nb\n\\x1bc');
});
