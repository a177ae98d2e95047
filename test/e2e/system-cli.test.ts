import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { generateApiKey, hashApiKey } from '../../src/main/api-keys.ts';
import { runCli } from '../support/run-cli.ts';
import { System } from '../support/system.ts';

const KEY = generateApiKey();
const TOKEN = generateApiKey();

/** A system that asks for keys, as one that other machines can reach does. */
describe('the command line and the running product', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start('cli', {
      shape: 'apart',
      config: {
        server: { api_keys: [{ name: 'tests', hash: hashApiKey(KEY), admin: true }], join_token_hash: hashApiKey(TOKEN) },
        executor: { join_token: TOKEN },
      },
      apiKey: KEY,
    });
  });
  afterAll(() => system?.close());
  beforeEach(() => system.showLogOnFailure());

  /** Runs `sandglass`. @param command split at spaces. @param more arguments as they are. */
  async function sandglass(command: string, ...more: readonly string[]) {
    return await runCli([...command.split(' '), ...more], { env: { SANDGLASS_URL: system.url, SANDGLASS_API_KEY: KEY } });
  }

  /** Likewise; it must succeed. @returns what it prints on standard output. */
  async function output(command: string, ...more: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await sandglass(command, ...more);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trimEnd();
  }

  test('the main job: create, write, snapshot, restore, read, remove', async () => {
    const sandbox = await output('sandbox create --label job=main');
    expect(sandbox).toMatch(/^sb-[0-9a-f]{32}$/);
    await output(`sandbox exec ${sandbox} --`, 'sh', '-c', 'echo kept >/file');
    const snapshot = await output(`snapshot create ${sandbox} --name before-lunch --ttl 1h`);
    expect(snapshot).toMatch(/^snap-[0-9a-f]{32}$/);
    expect(await output('snapshot ls')).toMatch(new RegExp(`${snapshot}.*before-lunch.*active`));
    expect(JSON.parse(await output(`snapshot get ${snapshot} --json`))).toMatchObject({ status: 'active', ttl_secs: 3600 });

    const restored = await output(`snapshot restore ${snapshot}`);
    expect(await output(`sandbox exec ${restored} cat /file`)).toBe('kept');
    expect(await output('sandbox ls')).toMatch(new RegExp(`${restored}.*running`));
    expect(await output(`sandbox rm ${sandbox} ${restored}`)).toBe(`${sandbox}\n${restored}`);
    expect(await output(`snapshot rm ${snapshot}`)).toBe(snapshot);
    await vi.waitFor(async () => expect(await system.inEngine()).toEqual({ containers: [], images: [] }), 10_000);
  });

  test('exit codes tell what happened', async () => {
    const sandbox = await output('sandbox create');
    expect(await sandglass(`sandbox exec ${sandbox} --`, 'sh', '-c', 'echo out; echo err >&2; exit 42')).toEqual({
      code: 42,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await sandglass(`snapshot get snap-${'0'.repeat(32)}`)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no snapshot'),
    });
    const withoutKey = await runCli(['sandbox', 'ls'], { env: { SANDGLASS_URL: system.url } });
    expect(withoutKey).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('key') });
    await output(`sandbox rm ${sandbox}`);
  });

  test('doctor finds everything in order', async () => {
    const findings = JSON.parse(await output(`doctor --json --config ${system.configFile}`)) as { name: string; status: string }[];
    const found = Object.fromEntries(findings.map(({ name, status }) => [name, status]));
    expect(found).toMatchObject({ node: 'ok', engine: 'ok', image: 'ok', server: 'ok', ready: 'ok', executors: 'ok' });
  });

  test('an executor with a wrong token is not let in, and its log says what to do', async () => {
    const stranger = await system.addExecutor('stranger', { join_token: generateApiKey() });
    stranger.start();
    const refused = async () => expect(await stranger.printed()).toMatch(/not the one of this server; check executor.join_token/);
    await vi.waitFor(refused, { timeout: 30_000, interval: 50 });
    expect(await system.client.executors.list()).toHaveLength(1);
    expect(await stranger.stop()).toBe(0);
  });

  test('an executor with the token joins, runs what the other does not take, and leaves when it is told to', async () => {
    const second = await system.addExecutor('second', { join_token: TOKEN, labels: { rack: '2' } });
    const [first] = await system.client.executors.list();
    second.start();
    const joined = await vi.waitFor(
      async () => {
        const executor = (await system.client.executors.list()).find(({ labels }) => labels.rack === '2');
        expect(executor?.status).toBe('online');
        return executor;
      },
      { timeout: 30_000, interval: 50 },
    );
    await output(`executor cordon ${first?.executor_id}`);
    const sandbox = await output('sandbox create');
    expect((await system.client.sandboxes.get(sandbox)).executor_id).toBe(joined?.executor_id);
    expect(await output(`sandbox exec ${sandbox} echo hello`)).toBe('hello');
    await output(`executor uncordon ${first?.executor_id}`);
    await output(`sandbox rm ${sandbox}`);

    expect(await second.stop()).toBe(0);
    expect((await system.client.executors.get(`${joined?.executor_id}`)).status).toBe('offline');
  });

  test('server and executor stop when they are told to, and sandboxes run on meanwhile', async () => {
    const sandbox = await output(
      `sandbox create --json ${system.images.busybox} --`,
      'sh',
      '-c',
      'while true; do sleep 0.1; echo >>/ticks; done',
    );
    const { sandbox_id: id } = JSON.parse(sandbox) as { sandbox_id: string };
    expect(await system.server.stop()).toBe(0);
    expect(await system.executor.stop()).toBe(0);
    expect((await system.docker.getContainer(`sandglass-${id}`).inspect()).State.Running).toBe(true);
    expect(await sandglass('sandbox ls')).toMatchObject({ code: 5, stderr: expect.stringContaining(system.url) });

    await system.run();
    const ticks = async () => Number(await output(`sandbox exec ${id} --`, 'sh', '-c', 'wc -l </ticks'));
    const before = await ticks();
    await vi.waitFor(async () => expect(await ticks()).toBeGreaterThan(before), { timeout: 10_000, interval: 50 });
    await output(`sandbox rm ${id}`);
  });

  test('neither key nor token is in any log', async () => {
    const printed = await system.printed();
    expect([KEY, TOKEN].filter((secret) => printed.includes(secret))).toEqual([]);
  });
});
