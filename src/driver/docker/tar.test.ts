import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { tarOf } from './tar.ts';

test('tar reads back what was put in', () => {
  const archive = tarOf({ 'a.json': '{"ä":1}', empty: '', block: 'x'.repeat(512) });
  expect(archive.length % 512).toBe(0);
  expect(execFileSync('tar', ['-tf', '-'], { input: archive }).toString()).toBe('a.json\nempty\nblock\n');
  expect(execFileSync('tar', ['-xOf', '-', 'a.json', 'block'], { input: archive }).toString()).toBe(`{"ä":1}${'x'.repeat(512)}`);
});
