import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeSpansOf, relativeLinksOf } from '../../test/support/markdown.ts';
import { SANDBOX_TABLE, SNAPSHOT_TABLE } from '../../test/support/state-transition-table.ts';
import type { ExecutorStatus } from './executor.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const EXECUTOR_STATUSES: Readonly<Record<ExecutorStatus, true>> = { online: true, offline: true, lost: true };

describe('the documents', () => {
  const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT });
  const statuses = new Set([...Object.keys(SNAPSHOT_TABLE), ...Object.keys(SANDBOX_TABLE), ...Object.keys(EXECUTOR_STATUSES), 'gone']);

  it.each(documents)('mention no state that does not exist: %s', (path) => {
    const text = read(path);
    const mentioned = [
      // `creating → active`: a chain with one state in it is a chain of states.
      ...codeSpansOf(text).flatMap((code) => {
        const chain = code.includes('→') ? code.split(/\s*[→|]\s*/) : [];
        return chain.some((word) => statuses.has(word)) ? chain : [];
      }),
      ...Array.from(text.matchAll(/\b(?:state|status) `([a-z]+)`/g), ([, word = '']) => word),
      ...Array.from(text.matchAll(/[?&](?:wait|status)=([a-z]+)/g), ([, word = '']) => word),
      ...Array.from(text.matchAll(/^.*"(?:snapshot|sandbox)_id".*"status": ?"([a-z]+)"/gm), ([, word = '']) => word),
    ];
    expect(mentioned.filter((word) => !statuses.has(word))).toEqual([]);
  });

  it.each(documents)('lead nowhere that is not there: %s', (path) => {
    const broken = relativeLinksOf(read(path)).filter((target) => !existsSync(resolve(ROOT, dirname(path), target)));
    expect(broken).toEqual([]);
  });

  it('index every decision', () => {
    const index = read('docs/decisions/README.md');
    const decisions = globSync('docs/decisions/[0-9]*.md', { cwd: ROOT }).map((path) => path.split('/').at(-1) ?? '');
    for (const decision of decisions) expect(index).toContain(`(${decision})`);
  });
});
