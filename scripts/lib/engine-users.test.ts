import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const { EngineUsers } = await import('./engine-users.mjs' as string);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandglass-users-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The folder as a process sees it, when only those processes live. */
const seenWith = (...live: string[]) => new EngineUsers(folder, (identity: string) => live.includes(identity));

describe('EngineUsers', () => {
  it('tells the first to leave that another one stays, and the last that nobody does', () => {
    seenWith('1-1').join('1-1');
    seenWith('1-1', '2-2').join('2-2');
    expect(seenWith('1-1', '2-2').leave('1-1')).toBe(1);
    expect(seenWith('2-2').leave('2-2')).toBe(0);
  });

  it('does not count a process that has crashed, and forgets it', () => {
    seenWith('1-1').join('1-1');
    seenWith('2-2').join('2-2');
    expect(seenWith('2-2').leave('2-2')).toBe(0);
    expect(readdirSync(join(folder, 'users'))).toEqual([]);
  });

  it('takes a later process with the same id for another one', () => {
    seenWith('1-1').join('1-1');
    expect(seenWith('1-9', '2-2').leave('2-2')).toBe(0);
  });

  it('knows the engine that was started until it has ended', () => {
    expect(seenWith().engine).toBeUndefined();
    seenWith().recordEngine('7-7');
    expect(seenWith('7-7').engine).toBe('7-7');
    expect(seenWith('7-8').engine).toBeUndefined();
    seenWith('7-7').forgetEngine();
    expect(seenWith('7-7').engine).toBeUndefined();
  });
});
