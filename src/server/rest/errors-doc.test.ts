import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REASONS } from '../../model/reasons.ts';

const DOC = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

interface Row {
  readonly reason: string;
  readonly facts: readonly [code: string, status: string, retry: string];
  readonly words: readonly string[];
}

function rows(): Row[] {
  return DOC.split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [reason = '', code = '', status = '', retry = '', ...words] = line
        .slice(2, -2)
        .split(' | ')
        .map((cell) => cell.trim());
      return { reason: reason.replaceAll('`', ''), facts: [code.replaceAll('`', ''), status, retry], words };
    });
}

test('docs/errors.md has every reason once, in the order of the code', () => {
  expect(rows().map(({ reason }) => reason)).toEqual(Object.keys(REASONS));
});

test.each(rows())('$reason is documented with its code, status and whether to retry', ({ reason, facts, words }) => {
  const { code, status, retryable } = REASONS[reason as keyof typeof REASONS];
  expect(facts).toEqual([code, String(status), retryable ? 'yes' : 'no']);
  expect(words).toEqual([expect.stringMatching(/\S{3}/), expect.stringMatching(/\S{3}/)]);
});
