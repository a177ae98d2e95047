import { describe, expect, test } from 'vitest';
import { collectPairs, collectVariables, parseCount, parseDuration, parseMemory, parseNumber } from './parse-values.ts';

describe('values of options', () => {
  test.each([
    ['0', 0],
    ['90', 90],
    ['90s', 90],
    ['1.5h', 5400],
    ['14d', 1_209_600],
    ['2H', 7200],
  ])('the duration %s is %d s', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

  test.each(['', 'h', '-1', '1w', '1 h', '1e3', 'constructor', '1constructor'])('%j is no duration', (text) => {
    expect(() => parseDuration(text)).toThrow('Write it as');
  });

  test.each([
    ['512', 512],
    ['512m', 512],
    ['1.5g', 1536],
    ['2GiB', 2048],
  ])('%s is %d MiB of memory', (text, mebibytes) => expect(parseMemory(text)).toBe(mebibytes));

  test.each(['', 'g', '1t', '-1g'])('%j is no memory size', (text) => {
    expect(() => parseMemory(text)).toThrow('Write it as');
  });

  test('numbers are numbers, and counts are whole', () => {
    expect(parseNumber('0.5')).toBe(0.5);
    for (const text of ['', ' ', 'x', 'Infinity', 'NaN']) expect(() => parseNumber(text)).toThrow('must be a number');
    expect(parseCount('10')).toBe(10);
    for (const text of ['', '-1', '1.5', '1e3']) expect(() => parseCount(text)).toThrow('whole number');
  });

  test('pairs are collected; the value may hold anything, and the last of a key counts', () => {
    const first = collectPairs('a=b=c');
    expect(collectPairs('d=', first)).toEqual({ a: 'b=c', d: '' });
    expect(collectPairs('a=2', first)).toEqual({ a: '2' });
    for (const text of ['', 'a', '=b']) expect(() => collectPairs(text)).toThrow('key=value');
  });

  test('a variable without a value takes the one of the environment', () => {
    const collect = collectVariables({ TOKEN: 'secret' });
    expect(collect('TOKEN', collect('A=1'))).toEqual({ A: '1', TOKEN: 'secret' });
    expect(() => collect('OTHER')).toThrow('no variable OTHER');
  });
});
