import { expect, test } from 'vitest';
import { newSandbox, newSnapshot } from '../../test/support/lifecycle-world.ts';
import { idempotencyRecord, sandboxRecord, snapshotRecord } from './records.ts';

test('a record comes back as it was', () => {
  const sandbox = newSandbox({ labels: { 'app.io/team': 'ops – 界' }, message: 'line 1\nline 2' });
  expect(sandboxRecord.decode(sandboxRecord.encode(sandbox))).toEqual(sandbox);
  const snapshot = newSnapshot({ ttlSecs: 0 });
  expect(snapshotRecord.decode(snapshotRecord.encode(snapshot))).toEqual(snapshot);
  const answer = { requestHash: 'h', status: 202, body: { snapshot_id: 'snap-1' }, expiresAt: 5 };
  expect(idempotencyRecord.decode(idempotencyRecord.encode(answer))).toEqual(answer);
});

test('a record is found in any part of a larger buffer', () => {
  const bytes = snapshotRecord.encode(newSnapshot());
  const larger = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]);
  expect(snapshotRecord.decode(larger.subarray(6, 6 + bytes.byteLength))).toEqual(newSnapshot());
});

test('a record says which version its shape has', () => {
  expect(JSON.parse(Buffer.from(snapshotRecord.encode(newSnapshot())).toString())).toMatchObject({ v: 1, status: 'creating' });
});

test('a record of a later version is not guessed at', () => {
  const later = Buffer.from(JSON.stringify({ ...newSnapshot(), v: 2 }));
  expect(() => snapshotRecord.decode(later)).toThrow(expect.objectContaining({ reason: 'store_schema_newer' }));
});

test.each(['', '{', 'null', '[]', '"text"', '{"id":"snap-1"}', '{"v":"1"}', '{"v":0}', '{"v":1.5}'])('%s is no record', (text) => {
  expect(() => snapshotRecord.decode(Buffer.from(text))).toThrow(expect.objectContaining({ reason: 'store_corrupt' }));
});
