import { expect, test } from 'vitest';
import { LightHeaders } from './light-headers.ts';

/** The same steps on ours and on Node's have to come to the same. */
const BOTH = [
  ['ours', LightHeaders as unknown as typeof Headers],
  ['those of Node', Headers],
] as const;

test.each(BOTH)('names are in any case, values are joined, in %s', (_, Kind) => {
  const headers = new Kind({ 'Content-Type': 'a', B: '1' });
  headers.append('b', '2');
  headers.append('c', '3');
  headers.set('CONTENT-TYPE', 'd');
  headers.delete('C');
  expect([headers.get('B'), headers.get('c'), headers.has('content-Type')]).toEqual(['1, 2', null, true]);
  const expected = [
    ['b', '1, 2'],
    ['content-type', 'd'],
  ];
  const seen: string[][] = [];
  headers.forEach((value, name) => void seen.push([name, value]));
  expect([...headers].sort()).toEqual(expected);
  expect([...new Kind(headers)].sort()).toEqual(expected);
  expect([...new Kind([...headers])].sort()).toEqual(expected);
  expect(seen.sort()).toEqual(expected);
  expect([...headers.keys()].sort()).toEqual(['b', 'content-type']);
  expect([...headers.values()].sort()).toEqual(['1, 2', 'd']);
  expect([...new Kind()]).toEqual([]);
});
