import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SandglassError } from './errors.ts';
import { type Ids, idFromHex, isId, parseId, parseNamespace } from './ids.ts';

const KINDS: readonly (keyof Ids)[] = ['sandbox', 'snapshot', 'executor', 'operation'];
const HEX = '0192f3c1a5b47c9e8d2f6a7b8c9d0e1f';

const reasonOf = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof SandglassError) return error.reason;
  }
  return undefined;
};

describe('ids', () => {
  it('have a prefix for each kind', () => {
    expect(KINDS.map((kind) => idFromHex(kind, HEX))).toEqual([`sb-${HEX}`, `snap-${HEX}`, `exec-${HEX}`, `op-${HEX}`]);
  });

  it('are parsed as their own kind, and as no other', () => {
    for (const kind of KINDS) {
      const id = idFromHex(kind, HEX);
      expect(parseId(kind, id)).toBe(id);
      expect(KINDS.filter((other) => isId(other, id))).toEqual([kind]);
    }
  });

  const hostile = [
    '',
    'sb-',
    HEX,
    `sb-${HEX}0`,
    `sb-${HEX.slice(1)}`,
    `sb-${HEX.toUpperCase()}`,
    `sb-${HEX}\n`,
    ` sb-${HEX}`,
    `sb-${HEX}/../x`,
    '../../etc/passwd',
    `sb-${'g'.repeat(32)}`,
    'sb-٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩٠١',
    '__proto__',
  ];
  for (const text of hostile) {
    it(`that are malformed name nothing: ${JSON.stringify(text)}`, () => {
      expect(reasonOf(() => parseId('sandbox', text))).toBe('sandbox_not_found');
    });
  }

  it('that are malformed are shown cut short, and without raw control characters', () => {
    const message = (text: string) => {
      try {
        parseId('executor', text);
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(message('x'.repeat(5_000)).length).toBeLessThan(250);
    expect(message('a\nb\u001b[31m')).toBe(`no executor "a\\nb\\u001b[31m": executor ids look like exec-${HEX}`);
  });

  it('are never made of arbitrary text', () => {
    fc.assert(fc.property(fc.string(), (text) => KINDS.every((kind) => !isId(kind, text))));
  });
});

describe('a namespace', () => {
  it.each(['a', '0', 'default', 'team-1', 'a'.repeat(63)])('can be %s', (text) => expect(parseNamespace(text)).toBe(text));

  it.each(['', '-a', 'a-', 'A', 'a_b', 'a.b', 'a/b', '..', 'a\n', 'ä', 'a'.repeat(64)])('cannot be %j', (text) => {
    expect(reasonOf(() => parseNamespace(text))).toBe('invalid_namespace');
  });
});
