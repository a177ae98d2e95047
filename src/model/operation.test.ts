import { describe, expect, it } from 'vitest';
import { getsOn, type Progress } from './operation.ts';

const BEFORE: Progress = { phase: 'pulling', bytesDone: 100, bytesTotal: 1_000, layersDone: 2, layersTotal: 5 };

describe('a progress report gets on', () => {
  it.each<[string, Progress]>([
    ['with more bytes', { ...BEFORE, bytesDone: 101 }],
    ['with more layers', { ...BEFORE, layersDone: 3 }],
    ['with its first layer', { ...BEFORE, layersDone: 3, bytesDone: 0 }],
    ['into another phase, where counting begins anew', { phase: 'unpacking', bytesDone: 0 }],
  ])('%s', (_, now) => expect(getsOn(BEFORE, now)).toBe(true));

  it('when it is the first', () => expect(getsOn(undefined, { phase: 'pulling', bytesDone: 0 })).toBe(true));
});

describe('a progress report does not get on', () => {
  it.each<[string, Progress]>([
    ['when it repeats the one before', BEFORE],
    ['with fewer bytes', { ...BEFORE, bytesDone: 99 }],
    ['with fewer layers', { ...BEFORE, layersDone: 1 }],
    ['when only a total has become known', { ...BEFORE, bytesTotal: 2_000 }],
    ['without counts', { phase: 'pulling', bytesDone: 0 }],
  ])('%s', (_, now) => expect(getsOn(BEFORE, now)).toBe(false));
});
