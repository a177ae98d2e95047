import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ProcessEvent, Sandglass } from '../../sdk/src/index.ts';
import { System } from '../support/system.ts';

const SOON = { timeoutMs: 30_000 };
const WAIT = { timeout: 30_000, interval: 20 };
const SECRET = `secret-${randomBytes(8).toString('hex')}`;

describe.each(['apart', 'up'] as const)('a sandbox from inside, with server and executor %s', (shape) => {
  let system: System;
  let client: Sandglass;
  let id: string;
  beforeAll(async () => {
    system = await System.start(`guest-${shape}`, { shape });
    // Retries: connections of this client outlive restarts of the executor.
    client = new Sandglass({ url: system.url, namespace: 'default' });
    ({ sandbox_id: id } = await client.sandboxes.create({ env: { COLOUR: 'red' }, secrets: { TOKEN: SECRET } }, { wait: true, ...SOON }));
  });
  afterAll(() => system?.close());
  beforeEach(() => system.showLogOnFailure());

  const shell = async (script: string, sandboxId = id) => (await client.sandboxes.exec(sandboxId, { shell: script })).stdout;

  test('a command in the background is found again after the executor was killed, with all that it has printed meanwhile', async () => {
    const script = 'i=0; while [ ! -e /tmp/stop ]; do echo $i; i=$((i+1)); sleep 0.05; done; echo done';
    const { pid } = await client.processes.start(id, { shell: script, tag: 'counter' });
    const seen = collect(client.processes.attach(id, pid, { from: 0 }));
    await vi.waitFor(() => expect(seen.text().split('\n').length).toBeGreaterThan(3), WAIT);
    await system.executor.kill();
    await system.run();

    expect(await client.processes.list(id)).toContainEqual(expect.objectContaining({ pid, tag: 'counter' }));
    const again = collect(client.processes.attach(id, pid, { from: 0 }));
    const before = seen.text().split('\n').length;
    await vi.waitFor(() => expect(again.text().split('\n').length).toBeGreaterThan(before + 5), WAIT);
    await shell('touch /tmp/stop');
    expect(await again.exit).toBe(0);
    const lines = again.text().trimEnd().split('\n');
    expect(lines).toEqual([...lines.slice(0, -1).map((_, index) => String(index)), 'done']);
    await shell('rm /tmp/stop');
  });

  test('environment and secrets reach processes after the executor was killed too, and nothing that the engine keeps', async () => {
    expect(await shell('echo $COLOUR $TOKEN')).toBe(`red ${SECRET}\n`);
    const inspected = JSON.stringify(await system.docker.getContainer(`sandglass-${id}`).inspect());
    expect(inspected).not.toContain(SECRET);
    const { snapshot_id } = await client.snapshots.create(id);
    await client.snapshots.waitUntilActive(snapshot_id, SOON);
    const image = await system.docker.getImage(`sandglass/default:${snapshot_id}`).inspect();
    expect(JSON.stringify(image)).not.toContain(SECRET);
    expect(JSON.stringify(await client.snapshots.get(snapshot_id))).not.toContain(SECRET);
    const { sandbox_id } = await client.snapshots.restore(snapshot_id);
    await client.sandboxes.waitUntil(sandbox_id, 'running', SOON);
    expect(
      await shell(`echo "$COLOUR/$TOKEN"; grep -rl ${SECRET} / 2>/dev/null --exclude-dir=proc --exclude-dir=sys; true`, sandbox_id),
    ).toBe('red/\n');
    await client.sandboxes.delete(sandbox_id);
  });

  test('random bytes are the same after they went in and out as a file, through a command and as an archive', async () => {
    const bytes = randomBytes(3_000_001);
    const path = '/tmp/ein Name\nmit \u00fc und \u{1F980}.bin';
    const entry = await client.files.write(id, path, bytes);
    expect(entry).toMatchObject({ path, size_bytes: bytes.length, type: 'file' });
    expect(Buffer.from(await client.files.read(id, path)).equals(bytes)).toBe(true);
    expect(
      Buffer.from(await client.files.read(id, path, { offset: 1_000_000, length: 17 })).equals(bytes.subarray(1_000_000, 1_000_017)),
    ).toBe(true);
    const printed = await client.sandboxes.exec(id, { cmd: 'cat', args: [path], encoding: 'base64' });
    expect(sha256(Buffer.from(printed.stdout, 'base64'))).toBe(sha256(bytes));
    expect((await client.files.list(id, '/tmp')).map(({ path: found }) => found)).toContain(path);
    await client.files.remove(id, path);
    await expect(client.files.read(id, path)).rejects.toMatchObject({ reason: 'file_not_found' });
  });

  test('no path leads out of the sandbox', async () => {
    const canary = `canary-${randomBytes(8).toString('hex')}`;
    const hostFile = `${system.dataDir}/${canary}`;
    await shell(`mkdir -p /links; ln -s / /links/root; ln -s ../../../../../../../.. /links/up; ln -s /proc/1/root /links/init`);
    const ways = [
      `/../../../../../../..${hostFile}`,
      `../../../../../../..${hostFile}`,
      `/links/root${hostFile}`,
      `/links/up${hostFile}`,
      `/links/init${hostFile}`,
      `/proc/1/root${hostFile}`,
      `/proc/self/root${hostFile}`,
      `/proc/self/cwd/../../../../..${hostFile}`,
      `/dev/sandglass-run/../../..${hostFile}`,
    ];
    for (const way of ways) {
      await client.files.write(id, way, canary).catch(() => undefined);
      await expect(readFile(hostFile, 'utf8'), way).rejects.toMatchObject({ code: 'ENOENT' });
      const read = await client.files.readText(id, way).catch(() => canary);
      expect(read, way).toBe(canary); // where it was written: in the sandbox
    }
    await expect(client.files.write(id, '/dev/sandglass-run/guest.sock', 'x')).rejects.toThrow();
    await expect(client.files.write(id, '/dev/sandglass-run/other', 'x')).rejects.toMatchObject({ reason: 'file_access_denied' });
    await expect(client.files.write(id, '/dev/sandglass/guest/main.mjs', 'x')).rejects.toMatchObject({ reason: 'file_access_denied' });
    expect(await shell('echo still here')).toBe('still here\n');
  });

  test('two hundred commands run at one time', async () => {
    const { sandbox_id } = await client.sandboxes.create({ resources: { memory_mb: 512 } }, { wait: true, ...SOON });
    await shell('mkdir /tmp/all', sandbox_id);
    const script = ': > /tmp/all/$$; while [ ! -e /tmp/go ]; do sleep 0.5; done; echo together';
    const running = Promise.all(Array.from({ length: 200 }, () => shell(script, sandbox_id)));
    await vi.waitFor(async () => expect(await shell('ls /tmp/all | wc -l', sandbox_id)).toBe('200\n'), { timeout: 30_000, interval: 500 });
    await shell('touch /tmp/go', sandbox_id);
    expect(new Set(await running)).toEqual(new Set(['together\n']));
    await client.sandboxes.delete(sandbox_id);
  });

  test('a sandbox that floods, lies, or does not answer is noticed by nobody else', async () => {
    const hostile = await client.sandboxes.create({}, { wait: true, ...SOON });
    const other = (script: string) => shell(script);
    const flood = client.processes.run(hostile.sandbox_id, { cmd: 'yes' });
    await flood.next();
    await flood.next();
    expect(await other('echo calm')).toBe('calm\n');
    // Root of the sandbox ends the guest's own thread of life for a while: it answers nothing.
    const stopped = await client.sandboxes
      .exec(hostile.sandbox_id, { shell: 'kill -STOP $PPID; true', timeout_secs: 2 })
      .catch((error) => error);
    expect(stopped).toMatchObject({
      reason: expect.stringMatching(/guest_unavailable|exec_timeout|executor_unavailable|deadline_exceeded/),
    });
    expect(await other('echo calm')).toBe('calm\n');
    await flood.return();
    await client.sandboxes.delete(hostile.sandbox_id);
    expect(await client.sandboxes.waitUntil(hostile.sandbox_id, 'terminated', SOON)).toMatchObject({ status: 'terminated' });
    expect((await client.executors.list()).every(({ status }) => status === 'online')).toBe(true);
  });

  test('a command that takes all memory is killed, and its sandbox goes on', async () => {
    const { sandbox_id } = await client.sandboxes.create({ resources: { memory_mb: 96 } }, { wait: true, ...SOON });
    const hungry = await client.sandboxes.exec(sandbox_id, { shell: 'tail -c 1000000000 /dev/zero >/dev/null' });
    expect(hungry.exit_code).toBe(137);
    expect(await shell('echo still here', sandbox_id)).toBe('still here\n');
    expect((await client.sandboxes.get(sandbox_id)).status).toBe('running');
    await client.sandboxes.delete(sandbox_id);
  });

  test('files are watched, terminals typed into, and ports reached', async () => {
    await shell('mkdir -p /watched');
    const abort = new AbortController();
    const paths: string[] = [];
    const watching = (async () => {
      for await (const event of client.files.watch(id, '/watched', { recursive: true, signal: abort.signal })) {
        if ('path' in event) paths.push(event.path);
        else await shell('mkdir -p /watched/a/b; echo x > /watched/a/b/c');
      }
    })().catch(() => {});
    await vi.waitFor(() => expect(paths.some((path) => path.endsWith('a/b/c'))).toBe(true), WAIT);
    abort.abort();
    await watching;

    const terminal = await client.terminals.open(id, { cols: 97, rows: 31, cmd: 'sh' });
    let screen = '';
    const output = (async () => {
      for await (const bytes of terminal.output()) screen += Buffer.from(bytes).toString('latin1');
    })();
    await terminal.write('stty size; exit 7\n');
    await output;
    expect(screen).toContain('31 97');
    expect(terminal.exitCode).toBe(7);
  });
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Gathers what a process tells, in the background. */
function collect(events: AsyncIterable<ProcessEvent>): { text(): string; readonly exit: Promise<number | undefined> } {
  const chunks: Uint8Array[] = [];
  const exit = (async () => {
    for await (const event of events) {
      if ('stdout' in event) chunks.push(event.stdout);
      if ('exit' in event) return event.exit.exit_code;
    }
    return undefined;
  })();
  exit.catch(() => {});
  return { text: () => Buffer.concat(chunks).toString(), exit };
}
