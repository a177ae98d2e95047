import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idFromHex, type Namespace } from '../model/ids.ts';
import { LABEL_VALUE_PATTERN } from '../model/labels.ts';
import { assertKey } from './key-rules.ts';
import * as keys from './keys.ts';

const NS = 'default' as Namespace;
const ID = idFromHex('snapshot', '0'.repeat(32));
/** Any text at all, also of the kinds that break things: separators, percent signs, astral and lone surrogates. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom('a/b', '%2F', '=', '#', '\ud800', '\udc00x', ''),
);

test('any two different texts become two different components, which hold neither separators nor anything but printable ASCII', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      expect(keys.encode(one) === keys.encode(other)).toBe(one === other);
      expect(keys.encode(one)).toMatch(/^[!-.0-~]{0,255}$/);
    }),
  );
});

test('ordinary texts stay readable', () => {
  expect(keys.snapshotNameIndex(NS, 'before-upgrade:2')).toBe('x/snap/default/name/before-upgrade%3A2/');
  expect(keys.sandboxLabelIndex(NS, 'app.io/team', 'a=b/c')).toBe('x/sb/default/label/app.io%2Fteam=a%3Db%2Fc/');
});

test('the longest label that the API takes makes a key that can be stored', () => {
  const value = '界'.repeat(255);
  expect(value).toMatch(new RegExp(LABEL_VALUE_PATTERN));
  const prefix = keys.snapshotLabelIndex('n'.repeat(63) as Namespace, `${'k/'.repeat(31)}k`, value);
  expect(() => assertKey(`${prefix}${ID}`)).not.toThrow();
});

test('timed keys sort by time, and tell what they were made of', () => {
  const times = fc.integer({ min: 0, max: 99_999_999_999_999 });
  fc.assert(
    fc.property(times, times, (one, other) => {
      const [a, b] = [keys.dueKey(one, 'sb', NS, ID), keys.dueKey(other, 'sb', NS, ID)];
      expect(Math.sign(a < b ? -1 : a > b ? 1 : 0)).toBe(Math.sign(one - other));
      expect(keys.parseTimedKey(a)).toEqual({ at: one, kind: 'sb', namespace: NS, id: ID });
    }),
  );
});

test('a time bound takes in everything up to and including its time, and nothing later', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e13, noNaN: true }), fc.integer({ min: 0, max: 1e13 }), (now, at) => {
      expect(keys.expiryKey(at, 'snap', NS, ID) < keys.timeBound(keys.expiryPrefix, now)).toBe(at <= now);
    }),
  );
});

test('an index entry leads back to its object', () => {
  expect(keys.lastComponent(`${keys.snapshotStatusIndex(NS, 'active')}${ID}`)).toBe(ID);
  const executor = idFromHex('executor', '1'.repeat(32));
  expect(keys.idAndNamespace(`${keys.executorSnapshotIndex(executor)}${ID}/${NS}`)).toEqual({ id: ID, namespace: NS });
});

test('no prefix of a list takes in what belongs to another one', () => {
  const namespaces = ['a', 'a-b', 'ab'].map((name) => name as Namespace);
  for (const one of namespaces) {
    for (const other of namespaces.filter((name) => name !== one)) {
      expect(keys.snapshotKey(other, ID).startsWith(keys.snapshotPrefix(one))).toBe(false);
      expect(keys.snapshotNameIndex(NS, other).startsWith(keys.snapshotNameIndex(NS, one))).toBe(false);
    }
  }
});
