import { expect, test } from 'vitest';
import { writeSizeBytes } from './commit-request.ts';
import { RecentValues } from './recent-values.ts';

const put = (key: string, text: string) => ({ key, value: Buffer.from(text) });
const read = (recent: RecentValues, ...keys: string[]) => recent.find(keys)?.map((value) => value && String(value));

test('it knows the latest value of a key, and which keys were deleted', () => {
  const recent = new RecentValues(1000);
  recent.add([put('a', '1'), put('b', '1')]);
  recent.add([put('a', '2'), { key: 'b', value: undefined }]);
  expect(read(recent, 'b', 'a')).toEqual([undefined, '2']);
});

test('it says nothing when one of the keys was not written lately: that it does not exist is not known', () => {
  const recent = new RecentValues(1000);
  recent.add([put('a', '1')]);
  expect(read(recent, 'a', 'c')).toBeUndefined();
});

test('what was written longest ago goes first when it is full; writing a key again makes it the newest', () => {
  const size = writeSizeBytes(put('a', '1'));
  const recent = new RecentValues(3 * size);
  recent.add([put('a', '1'), put('b', '1'), put('c', '1')]);
  recent.add([put('a', '2')]);
  recent.add([put('d', '1')]);
  expect(['a', 'b', 'c', 'd'].map((key) => read(recent, key))).toEqual([['2'], undefined, ['1'], ['1']]);
});

test('a value larger than all of its room is not kept, and leaves no older one in its place', () => {
  const recent = new RecentValues(200);
  recent.add([put('a', '1'), put('b', '1')]);
  recent.add([put('a', 'x'.repeat(300))]);
  expect(read(recent, 'a')).toBeUndefined();
  recent.add([put('b', '2')]);
  expect(read(recent, 'b')).toEqual(['2']);
});
