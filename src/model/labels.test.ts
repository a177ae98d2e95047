import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN, NAME_PATTERN } from './labels.ts';

/** Schemas compile patterns with the `u` flag, other readers of the OpenAPI document without. */
function matcher(pattern: string): (text: string) => boolean {
  const [plain, unicode] = [new RegExp(pattern), new RegExp(pattern, 'u')];
  return (text) => {
    expect(plain.test(text)).toBe(unicode.test(text));
    return plain.test(text);
  };
}

const isKey = matcher(LABEL_KEY_PATTERN);
const isValue = matcher(LABEL_VALUE_PATTERN);
const isName = matcher(NAME_PATTERN);

describe('label keys', () => {
  it.each(['a', 'team', 'app.kubernetes.io/name', 'A-b_c.d/e', 'x'.repeat(63)])('can be %s', (key) => {
    expect(isKey(key)).toBe(true);
  });
  it.each(['', '-a', 'a-', 'a b', 'a=b', 'a\n', 'ä', 'x'.repeat(64)])('cannot be %j', (key) => {
    expect(isKey(key)).toBe(false);
  });
});

describe('label values', () => {
  it.each(['', 'ops', 'a = b / c', 'Zürich', '日本', '🏖', '🏖'.repeat(255), 'x'.repeat(255)])('can be %s', (value) => {
    expect(isValue(value)).toBe(true);
  });
  it.each(['a\n', '\u0000', '\u001b[31m', '\u007f', '\ud800', 'a\udc00b', 'x'.repeat(256)])('cannot be %j', (value) => {
    expect(isValue(value)).toBe(false);
  });
  it('are well-formed text, which every encoding can carry', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (value) => {
        return !isValue(value) || decodeURIComponent(encodeURIComponent(value)) === value;
      }),
    );
  });
});

describe('names of snapshots', () => {
  it.each(['a', 'before-upgrade', 'v1.2:rc_3', 'x'.repeat(128)])('can be %s', (name) => expect(isName(name)).toBe(true));
  it.each(['', '.a', 'a b', 'a/b', '..', 'a\n', 'x'.repeat(129)])('cannot be %j', (name) => expect(isName(name)).toBe(false));
});
