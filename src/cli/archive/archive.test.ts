import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { mergeFolder } from './merge-folder.ts';
import { packFolder } from './pack-folder.ts';
import { unpackArchive } from './unpack-archive.ts';
import { withoutOwnName } from './without-own-name.ts';

const { signal } = new AbortController();
let base: string;
let folder: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sandglass-archive-'));
  folder = join(base, 'folder');
  mkdirSync(folder);
});
afterEach(() => rmSync(base, { recursive: true }));

type EntryToPack = Partial<Header> & { readonly name: string; readonly content?: string };

/** An archive of just these entries, however hostile. */
async function* archiveOf(...entries: EntryToPack[]): AsyncGenerator<Uint8Array> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header, content);
  archive.finalize();
  yield* archive as AsyncIterable<Uint8Array>;
}

async function unpack(archive: AsyncIterable<Uint8Array>): Promise<string[]> {
  const skipped: string[] = [];
  await unpackArchive(archive, { ownName: '', folder, signal, onFile: () => {}, onSkipped: (name) => skipped.push(name) });
  return skipped;
}

/** Everything below `path`, by name, with what it is. */
function tree(path: string): Record<string, string> {
  const names = readdirSync(path, { recursive: true }) as string[];
  return Object.fromEntries(
    names.sort().map((name) => {
      const stat = lstatSync(join(path, name));
      if (stat.isSymbolicLink()) return [name, `→ ${readlinkSync(join(path, name))}`];
      return [name, stat.isDirectory() ? 'folder' : readFileSync(join(path, name), 'utf8')];
    }),
  );
}

describe('unpackArchive', () => {
  test.each<[string, EntryToPack[]]>([
    ['an absolute name', [{ name: '/tmp/evil', content: 'x' }]],
    ['a name with ..', [{ name: '../evil', content: 'x' }]],
    ['a name with .. in the middle', [{ name: 'a/../../evil', content: 'x' }]],
    ['a folder with ..', [{ name: '../evil/', type: 'directory' }]],
    ['a second name for a file outside', [{ name: 'evil', type: 'link', linkname: '/etc/passwd' }]],
    ['a second name for a file above', [{ name: 'evil', type: 'link', linkname: '../../etc/passwd' }]],
    [
      'a second name for what a link leads to',
      [
        { name: 'l', type: 'symlink', linkname: 'f' },
        { name: 'evil', type: 'link', linkname: 'l' },
      ],
    ],
    [
      'a file through a link of the archive',
      [
        { name: 'd/', type: 'directory' },
        { name: 'l', type: 'symlink', linkname: 'd' },
        { name: 'l/evil', content: 'x' },
      ],
    ],
    [
      'a folder in place of a link of the archive',
      [
        { name: 'l', type: 'symlink', linkname: 'd' },
        { name: 'l/', type: 'directory' },
      ],
    ],
    [
      'a file through a file',
      [
        { name: 'f', content: 'x' },
        { name: 'f/evil', content: 'x' },
      ],
    ],
    [
      'a link in place of a folder',
      [
        { name: 'd/', type: 'directory' },
        { name: 'd', type: 'symlink', linkname: 'e' },
      ],
    ],
    ['a name that no file can have', [{ name: 'x'.repeat(300), content: 'x' }]],
  ])('refuses %s, and writes nothing outside', async (_what, entries) => {
    await expect(unpack(archiveOf(...entries))).rejects.toThrow(/not safe to unpack/);
    expect(readdirSync(base)).toEqual(['folder']);
    expect(Object.values(tree(folder)).filter((what) => what === 'x' && !('f' in tree(folder)))).toEqual([]);
  });

  test('takes only what is in the folder that was asked for, without its name', async () => {
    const options = { ownName: 'src', folder, signal, onFile: () => {}, onSkipped: () => {} };
    await unpackArchive(archiveOf({ name: 'src/', type: 'directory', mode: 0o700 }, { name: 'src/a/src', content: 'x' }), options);
    expect(tree(folder)).toEqual({ a: 'folder', 'a/src': 'x' });
    for (const name of ['other/a', 'srca/a', './a']) {
      await expect(unpackArchive(archiveOf({ name, content: 'x' }), options)).rejects.toThrow(/not in the folder/);
    }
  });

  test('a file in place of a link replaces the link, not what it leads to', async () => {
    writeFileSync(join(base, 'outside'), 'mine');
    await unpack(archiveOf({ name: 'b', content: 'b' }, { name: 'l', type: 'symlink', linkname: 'b' }, { name: 'l', content: 'new' }));
    expect(tree(folder)).toEqual({ b: 'b', l: 'new' });
  });

  test('leaves out links that lead out, and special files', async () => {
    const skipped = await unpack(
      archiveOf(
        { name: 'absolute', type: 'symlink', linkname: '/etc/passwd' },
        { name: 'up', type: 'symlink', linkname: '../..' },
        { name: 'sneaky', type: 'symlink', linkname: 'd/../..' },
        { name: 'device', type: 'character-device', devmajor: 1, devminor: 3 },
        { name: 'disk', type: 'block-device', devmajor: 8, devminor: 0 },
        { name: 'pipe', type: 'fifo' },
        { name: 'd/inner', type: 'symlink', linkname: '../f' },
        { name: 'f', content: 'text' },
      ),
    );
    expect(skipped).toEqual(['absolute', 'up', 'sneaky', 'device', 'disk', 'pipe']);
    expect(tree(folder)).toEqual({ d: 'folder', 'd/inner': '→ ../f', f: 'text' });
  });

  test('keeps permissions, but not those to run as somebody else', async () => {
    await unpack(
      archiveOf(
        { name: 'run', content: 'x', mode: 0o6755 },
        { name: 'd/', type: 'directory', mode: 0o1500 },
        { name: 'd/f', content: 'x', mode: 0o400 },
      ),
    );
    expect(['run', 'd', 'd/f'].map((name) => lstatSync(join(folder, name)).mode & 0o7777)).toEqual([0o755, 0o700, 0o400]);
  });

  test.each([
    ['in a file', 1000],
    ['between two entries', 1024],
    ['before its end', 2048],
  ])('tells that the archive ends too early: %s', async (_where, length) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of archiveOf({ name: 'a', content: 'a' }, { name: 'b', content: 'b' })) chunks.push(chunk);
    const cut = async function* () {
      yield Buffer.concat(chunks).subarray(0, length);
    };
    await expect(unpack(cut())).rejects.toThrow(/ended too early|is broken/);
  });

  test('tells that it is no archive', async () => {
    const junk = async function* () {
      yield Buffer.alloc(2048, 'junk');
    };
    await expect(unpack(junk())).rejects.toThrow(/is broken/);
  });

  test('ends when aborted', async () => {
    const controller = new AbortController();
    const endless = async function* () {
      yield* archiveOf({ name: 'a', content: 'a' });
      controller.abort(new Error('enough'));
      yield Buffer.alloc(1024);
    };
    const unpacking = unpackArchive(endless(), { ownName: '', folder, signal: controller.signal, onFile: () => {}, onSkipped: () => {} });
    await expect(unpacking).rejects.toThrow('enough');
  });
});

describe('withoutOwnName', () => {
  test('takes the name of the folder off all names, and passes the rest on', async () => {
    const archive = archiveOf(
      { name: 'src/', type: 'directory', mode: 0o750 },
      { name: `src/${'é'.repeat(120)}`, content: 'x'.repeat(100_000), mode: 0o640 },
      { name: 'src/empty', content: '' },
      { name: 'src/link', type: 'symlink', linkname: '/etc/passwd' },
      { name: 'src/last', content: 'y' },
    );
    await unpack(withoutOwnName(archive, 'src'));
    expect(tree(folder)).toEqual({ ['é'.repeat(120)]: 'x'.repeat(100_000), empty: '', last: 'y' });
    expect(lstatSync(join(folder, 'é'.repeat(120))).mode & 0o777).toBe(0o640);
  });

  test('stops reading when nobody takes it', async () => {
    let stopped = false;
    const endless = async function* () {
      try {
        const chunks = await Array.fromAsync(archiveOf({ name: 'src/a', content: 'x'.repeat(10_000) }));
        const entry = Buffer.concat(chunks).subarray(0, -1024); // without its end
        for (;;) yield entry;
      } finally {
        stopped = true;
      }
    };
    for await (const _chunk of withoutOwnName(endless(), 'src')) break;
    await vi.waitFor(() => expect(stopped).toBe(true), 10_000);
  });

  test('tells what is wrong with the archive that it reads', async () => {
    const broken = async function* () {
      yield* archiveOf({ name: 'src/a', content: 'x' });
      throw new Error('the line is cut');
    };
    await expect(unpack(withoutOwnName(broken(), 'src'))).rejects.toThrow('the line is cut');
    await expect(unpack(withoutOwnName(archiveOf({ name: 'x', content: '' }), 'src'))).rejects.toThrow(/not in the folder/);
  });
});

describe('packFolder', () => {
  test('packs names of all kinds, links and permissions so that they come out the same', async () => {
    const source = join(base, 'source');
    mkdirSync(join(source, 'ü b\n', 'deep/'.repeat(60)), { recursive: true });
    writeFileSync(join(source, 'ü b\n', 'deep/'.repeat(60), 'f'), 'deep');
    writeFileSync(join(source, `${'é'.repeat(127)}`), 'long');
    writeFileSync(join(source, 'empty'), '');
    writeFileSync(join(source, 'run'), '#!', { mode: 0o755 });
    symlinkSync('run', join(source, 'link'));
    linkSync(join(source, 'run'), join(source, 'second'));
    chmodSync(join(source, 'ü b\n'), 0o750);
    await unpack(packFolder(source, { signal, onFile: () => {}, onSkipped: () => {} }));
    expect(tree(folder)).toEqual(tree(source));
    expect(lstatSync(join(folder, 'run')).mode & 0o777).toBe(0o755);
    expect(lstatSync(join(folder, 'ü b\n')).mode & 0o777).toBe(0o750);
    expect(lstatSync(join(folder, 'run')).mtimeMs).toBeCloseTo(Math.floor(lstatSync(join(source, 'run')).mtimeMs / 1000) * 1000, -3);
  });

  test('leaves out what is no file, and says so', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const skipped: string[] = [];
    const archive = packFolder(folder, { signal, onFile: () => {}, onSkipped: (path) => skipped.push(path) });
    for await (const _chunk of archive);
    expect(skipped).toEqual([join(folder, 'pipe')]);
  });

  test('refuses a name that is not UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff])]), '');
    const read = async () => {
      for await (const _chunk of packFolder(folder, { signal, onFile: () => {}, onSkipped: () => {} }));
    };
    await expect(read()).rejects.toThrow(/not UTF-8/);
  });

  test('stops reading when nobody takes the archive', async () => {
    for (let n = 0; n < 50; n++) writeFileSync(join(folder, `f${n}`), Buffer.alloc(100_000));
    let packed = 0;
    for await (const _chunk of packFolder(folder, { signal, onFile: () => packed++, onSkipped: () => {} })) break;
    expect(packed).toBeLessThan(5);
  });
});

describe('mergeFolder', () => {
  const write = (path: string, content: string) => {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
  };

  test('replaces files, merges folders, and leaves the rest', async () => {
    write(join(folder, 'a/new'), 'new');
    write(join(folder, 'a/both'), 'new');
    write(join(base, 'target/a/both'), 'old');
    write(join(base, 'target/a/old'), 'old');
    await mergeFolder(folder, join(base, 'target'));
    expect(tree(join(base, 'target'))).toEqual({ a: 'folder', 'a/both': 'new', 'a/new': 'new', 'a/old': 'old' });
  });

  test.each<[string, () => void]>([
    ['a folder where a link is', () => symlinkSync('../outside', join(base, 'target/z'))],
    ['a folder where a file is', () => writeFileSync(join(base, 'target/z'), 'old')],
  ])('refuses %s, and moves nothing', async (_what, prepare) => {
    mkdirSync(join(base, 'target'));
    mkdirSync(join(base, 'outside'));
    prepare();
    write(join(folder, 'a'), 'new');
    write(join(folder, 'z/evil'), 'new');
    await expect(mergeFolder(folder, join(base, 'target'))).rejects.toThrow(/no folder/);
    expect(readdirSync(join(base, 'target'))).toEqual(['z']);
    expect(readdirSync(join(base, 'outside'))).toEqual([]);
  });

  test('replaces a link, not what it leads to', async () => {
    write(join(base, 'outside'), 'mine');
    mkdirSync(join(base, 'target'));
    symlinkSync('../outside', join(base, 'target/f'));
    write(join(folder, 'f'), 'new');
    await mergeFolder(folder, join(base, 'target'));
    expect(tree(join(base, 'target'))).toEqual({ f: 'new' });
    expect(readFileSync(join(base, 'outside'), 'utf8')).toBe('mine');
  });
});
