import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PrefixIndex } from './prefix-index.ts';

/** Few enough that they meet. */
const text = fc.array(fc.constantFrom('a', '/'), { maxLength: 3 }).map((characters) => characters.join(''));

test('finds exactly the items whose prefix the key begins with, after any additions and removals', () => {
  const steps = fc.array(fc.record({ prefix: text, item: fc.nat(1), add: fc.boolean() }), { maxLength: 40 });
  fc.assert(
    fc.property(steps, fc.array(text), (changes, keys) => {
      const index = new PrefixIndex<string>();
      const filed = new Set<string>();
      for (const { prefix, item, add } of changes) {
        const name = `${prefix}#${item}`;
        if (add) index.add(prefix, name);
        else index.delete(prefix, name);
        if (add) filed.add(name);
        else filed.delete(name);
      }
      expect([...index.values()].sort()).toEqual([...filed].sort());
      for (const key of keys) {
        const expected = [...filed].filter((name) => key.startsWith(name.slice(0, name.indexOf('#'))));
        expect([...index.matching(key)].sort()).toEqual(expected.sort());
      }
    }),
  );
});
