import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { extract, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apiFile, SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';
import { type RunCliOptions, runCli, runCliForBytes } from '../support/run-cli.ts';

const FILES = `/v1/namespaces/default/sandboxes/${SANDBOX_ID}/files`;
const STRANGE_NAME = 'ü b\n\u001b[31m.txt';

let api: FakeApi;
let folder: string;
beforeEach(async () => {
  api = await FakeApi.start();
  folder = await mkdtemp(join(tmpdir(), 'sandglass-cp-test-'));
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

const cp = (args: readonly string[], options: RunCliOptions = {}) =>
  runCli(['cp', ...args], { ...options, env: { SANDGLASS_URL: api.url, ...options.env } });
const here = (name: string) => join(folder, name);
const there = (path: string) => `${SANDBOX_ID}:${path}`;
const done: Route = (_request, reply) => reply.bytes(204, new Uint8Array());

/** What is at which path of the sandbox; nothing anywhere else. */
function sandboxHolds(kinds: Readonly<Record<string, 'file' | 'directory' | 'symlink' | 'other'>>) {
  api.on(`GET ${FILES}/stat`, ({ query }, reply) => {
    const path = query.get('path') ?? '';
    const type = kinds[path.replace(/(.)\/$/, '$1')];
    if (type === undefined) reply.error(404, 'not_found', 'file_not_found', `no ${path}`);
    else reply.json(200, apiFile({ type, path: path.replace(/\/\.?$/, ''), mode: type === 'file' ? '0750' : '0755' }));
  });
}

async function archiveOf(entries: readonly (Parameters<ReturnType<typeof pack>['entry']>[0] & { content?: string })[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header, content);
  archive.finalize();
  return Buffer.concat((await Array.fromAsync(archive as AsyncIterable<Buffer>)) as Buffer[]);
}

/** Names in an archive, with what is in the files. */
async function contentsOf(archive: Buffer): Promise<Record<string, string>> {
  const entries = extract();
  entries.end(archive);
  const contents: Record<string, string> = {};
  for await (const entry of entries) {
    contents[entry.header.name] =
      entry.header.type === 'symlink'
        ? `→ ${entry.header.linkname}`
        : String(Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)));
  }
  return contents;
}

describe('cp to a sandbox', () => {
  test('sends every byte of a file, with its permissions, to the path that the rules give it', async () => {
    const content = randomBytes(2_000_000);
    await writeFile(here(STRANGE_NAME), content);
    await chmod(here(STRANGE_NAME), 0o640);
    sandboxHolds({ '/srv': 'directory' });
    api.on(`PUT ${FILES}`, (_request, reply) => reply.json(200, apiFile()));
    expect(await cp(['--user', 'app', here(STRANGE_NAME), there('/srv')])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(api.requests.map(({ query }) => query.get('user'))).toEqual(api.requests.map(() => 'app'));
    const [sent] = api.requestsOf(`PUT ${FILES}`);
    expect(Object.fromEntries(sent?.query ?? [])).toEqual({ path: `/srv/${STRANGE_NAME}`, mode: '0640', user: 'app' });
    expect(sent?.bytes.equals(content)).toBe(true);
  });

  test('sends a folder as an archive', async () => {
    await mkdir(here('src/in side'), { recursive: true });
    await writeFile(here('src/in side/a'), 'A');
    await writeFile(here(`src/${STRANGE_NAME}`), 'B');
    await symlink('in side/a', here('src/link'));
    sandboxHolds({ '/srv': 'directory' });
    api.on(`PUT ${FILES}/archive`, done);
    const { code, stdout } = await cp(['--json', here('src'), there('/srv/')]);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, files: 2 });
    const [sent] = api.requestsOf(`PUT ${FILES}/archive`);
    expect(sent?.query.get('path')).toBe('/srv/src');
    expect(await contentsOf(sent?.bytes as Buffer)).toEqual({ 'in side': '', 'in side/a': 'A', [STRANGE_NAME]: 'B', link: '→ in side/a' });
  });

  test('sends standard input', async () => {
    const content = randomBytes(500_000);
    api.on(`PUT ${FILES}`, (_request, reply) => reply.json(200, apiFile()));
    expect(await cp(['-', there('relative')], { stdin: content })).toMatchObject({ code: 0, stderr: '' });
    expect(api.requests[0]?.bytes.equals(content)).toBe(true);
  });

  test.each([
    ['a folder above that is not there', '/none/f', /there is no folder \/none/],
    ['a path that must be a folder and is not there', '/new/', /is not there\nhint: /],
    ['a folder in place of a file', '/srv', /cannot replace the folder \/srv\/f/],
  ])('refuses %s', async (_what, path, message) => {
    await writeFile(here('f'), 'x');
    sandboxHolds({ '/': 'directory', '/srv': 'directory', '/srv/f': 'directory' });
    const { code, stderr } = await cp([here('f'), there(path)]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  test('tells what the sandbox refuses, not what became of the connection', async () => {
    await writeFile(here('f'), randomBytes(5_000_000));
    sandboxHolds({ '/srv': 'directory' });
    api.on(`PUT ${FILES}`, (_request, reply) => reply.error(403, 'permission_denied', 'file_access_denied', 'no access to /srv/f'));
    expect(await cp([here('f'), there('/srv')])).toMatchObject({ code: 1, stderr: expect.stringContaining('no access to /srv/f') });
  });
});

describe('cp from a sandbox', () => {
  test('brings every byte of a file, with its permissions, under the path that the rules give it', async () => {
    const content = randomBytes(2_000_000);
    sandboxHolds({ [`/srv/${STRANGE_NAME}`]: 'file' });
    api.on(`GET ${FILES}`, (_request, reply) => reply.bytes(200, content));
    expect(await cp([there(`/srv/${STRANGE_NAME}`), folder])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await readdir(folder)).toEqual([STRANGE_NAME]);
    expect((await readFile(here(STRANGE_NAME))).equals(content)).toBe(true);
    expect((await lstat(here(STRANGE_NAME))).mode & 0o777).toBe(0o750);
  });

  test('brings a folder, new or into one that is there', async () => {
    const archive = await archiveOf([
      { name: 'srv/', type: 'directory', mode: 0o750 },
      { name: 'srv/a b', content: 'A' },
      { name: `srv/d/${STRANGE_NAME}`, content: 'B' },
    ]);
    sandboxHolds({ '/srv': 'directory', '/srv/.': 'directory' });
    api.on(`GET ${FILES}/archive`, (_request, reply) => reply.bytes(200, archive));
    await mkdir(here('old/d'), { recursive: true });
    await writeFile(here('old/d/kept'), 'kept');
    for (const args of [
      ['/srv', here('new')],
      ['/srv/.', here('old')],
      ['/srv', here('old')],
    ] as const)
      expect(await cp([there(args[0]), args[1]])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(
      ['new', 'new/a b', 'new/d', `new/d/${STRANGE_NAME}`, 'old', 'old/a b', 'old/d', 'old/d/kept', `old/d/${STRANGE_NAME}`].concat([
        'old/srv',
        'old/srv/a b',
        'old/srv/d',
        `old/srv/d/${STRANGE_NAME}`,
      ]),
    );
    expect((await lstat(here('new'))).mode & 0o777).toBe(0o750);
  });

  test('prints a file byte by byte, and a folder as an archive', async () => {
    const content = randomBytes(500_000);
    const archive = await archiveOf([{ name: 'a', content: 'A' }]);
    sandboxHolds({ '/f': 'file', '/d': 'directory' });
    api.on(`GET ${FILES}`, (_request, reply) => reply.bytes(200, content));
    api.on(`GET ${FILES}/archive`, (_request, reply) => reply.bytes(200, archive));
    for (const [path, bytes] of [
      ['/f', content],
      ['/d', archive],
    ] as const) {
      const { code, stdout } = await runCliForBytes(['cp', there(path), '-'], { env: { SANDGLASS_URL: api.url } });
      expect({ code, same: stdout.equals(bytes) }).toEqual({ code: 0, same: true });
    }
  });

  test('keeps a hostile archive from leaving the folder, and keeps nothing of it', async () => {
    sandboxHolds({ '/srv': 'directory' });
    const archive = await archiveOf([
      { name: 'srv/fine', content: 'x' },
      { name: 'srv/../../evil\u001b[2J', content: 'x' },
    ]);
    api.on(`GET ${FILES}/archive`, (_request, reply) => reply.bytes(200, archive));
    const { code, stderr } = await cp([there('/srv'), here('new')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/not safe to unpack/);
    expect(stderr).not.toContain('\u001b');
    expect(await readdir(folder)).toEqual([]);
  });

  test('leaves out links that lead out, and says so', async () => {
    sandboxHolds({ '/srv': 'directory' });
    const archive = await archiveOf([
      { name: 'srv/evil\u0007', type: 'symlink', linkname: '/etc/passwd' },
      { name: 'srv/a', content: 'A' },
    ]);
    api.on(`GET ${FILES}/archive`, (_request, reply) => reply.bytes(200, archive));
    const { code, stderr } = await cp([there('/srv'), here('new')]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'left out srv/evil\\x07: it is a link that leads out of the folder\n' });
    expect(await readdir(here('new'))).toEqual(['a']);
  });

  test.each(['file', 'directory'] as const)('Ctrl-C in the middle of a %s leaves nothing behind, and what was there', async (kind) => {
    await mkdir(here('old'));
    await writeFile(here('old/f'), 'old');
    sandboxHolds({ '/f': kind });
    const archive = await archiveOf([
      { name: 'f/a', content: 'A' },
      { name: 'f/b', content: 'x'.repeat(100_000) },
    ]);
    let interrupt = () => {};
    const halfway: Route = async (_request, reply) => {
      const closed = reply.unfinished(archive.subarray(0, 50_000));
      while (!(await readdir(here('old'))).some((name) => name.startsWith('.sandglass-cp-'))) await new Promise(setImmediate);
      interrupt();
      await closed;
    };
    api.on(`GET ${FILES}`, halfway);
    api.on(`GET ${FILES}/archive`, halfway);
    const onStart: RunCliOptions['onStart'] = (child) => {
      interrupt = () => child.kill('SIGINT');
    };
    const result = await cp([there('/f'), here(kind === 'file' ? 'old' : 'old/new')], { onStart });
    expect(result).toEqual({ code: 130, stdout: '', stderr: 'error: interrupted\n' });
    expect(await readdir(here('old'))).toEqual(['f']);
    expect(await readFile(here('old/f'), 'utf8')).toBe('old');
  });

  test('a connection that breaks leaves nothing behind', async () => {
    sandboxHolds({ '/f': 'file' });
    api.on(`GET ${FILES}`, (_request, reply) => reply.brokenOff(Buffer.from('half')));
    expect(await cp([there('/f'), here('f')])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: /) });
    expect(await readdir(folder)).toEqual([]);
  });

  test('tells what is not there', async () => {
    sandboxHolds({ '/dev/null': 'other', '/f': 'file' });
    expect(await cp([there('/none'), folder])).toMatchObject({ code: 3, stderr: `error: there is no /none in ${SANDBOX_ID}\n` });
    expect(await cp([there('/dev/null'), folder])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('neither a file nor a folder'),
    });
    expect(await cp([there('/f'), here('none/f')])).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no folder') });
    expect(await cp([here('a'), here('b')])).toMatchObject({ code: 2, stderr: expect.stringContaining('SANDBOX:PATH') });
  });
});

test('cp between sandboxes passes a folder through', async () => {
  const archive = await archiveOf([
    { name: 'd/', type: 'directory' },
    { name: 'd/a', content: 'A' },
  ]);
  const other = FILES.replace(SANDBOX_ID, 'sb-other');
  sandboxHolds({ '/d': 'directory' });
  api.on(`GET ${FILES}/archive`, (_request, reply) => reply.bytes(200, archive));
  api.on(
    `GET ${other}/stat`,
    (_request, reply) => reply.json(200, apiFile({ type: 'directory' })),
    (_request, reply) => reply.error(404, 'not_found', 'file_not_found', 'no'),
  );
  api.on(`PUT ${other}/archive`, done);
  expect(await cp([there('/d'), 'sb-other:/srv'])).toEqual({ code: 0, stdout: '', stderr: '' });
  const [sent] = api.requestsOf(`PUT ${other}/archive`);
  expect(sent?.query.get('path')).toBe('/srv/d');
  expect(await contentsOf(sent?.bytes as Buffer)).toEqual({ a: 'A' });
});
