import { describe, expect, test } from 'vitest';
import { formatBytes, formatDuration, formatMebibytes, formatMoment, formatSpan } from './quantities.ts';

describe('quantities', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [12_345_678, '12.3 MB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [5e18, '5000.0 PB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [512, '512 MiB'],
    [1024, '1 GiB'],
    [1280, '1.25 GiB'],
    [1500, '1500 MiB'],
    [48_210, '47.1 GiB'],
  ])('%d mebibytes are %s', (mebibytes, text) => expect(formatMebibytes(mebibytes)).toBe(text));

  test.each([
    [-5, '0s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [3_599_999, '59m'],
    [3_600_000, '1h'],
    [48 * 3_600_000 - 1, '47h'],
    [48 * 3_600_000, '2d'],
  ])('%d ms span %s', (milliseconds, text) => expect(formatSpan(milliseconds)).toBe(text));

  test.each([
    [0.4, '0 ms'],
    [999, '999 ms'],
    [1234, '1.2 s'],
  ])('%d ms last %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));

  test('a moment tells how far away it is', () => {
    expect(formatMoment(1_750_000_000_000, 1_750_000_180_000)).toBe('2025-06-15T15:06:40Z (3m ago)');
    expect(formatMoment(1_750_000_000_000, 1_749_999_940_000)).toBe('2025-06-15T15:06:40Z (in 1m)');
  });
});
