import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionOptions, findEngine } from './find-engine.ts';

let folder: string;
const servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandglass-find-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

/** A socket at which something answers like an engine. */
async function engineAt(path: string): Promise<string> {
  const server = createServer((request, response) => response.end(request.url === '/_ping' ? 'OK' : '{}'));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}
const find = (explicit: string | undefined, env: object) => findEngine(explicit, env, AbortSignal.timeout(5_000));

test('the configured engine comes before DOCKER_HOST', async () => {
  const [configured, fromEnv] = [await engineAt(join(folder, 'a.sock')), await engineAt(join(folder, 'b.sock'))];
  const docker = await find(`unix://${configured}`, { DOCKER_HOST: `unix://${fromEnv}` });
  expect(docker.modem).toMatchObject({ socketPath: configured });
  expect((await find(undefined, { DOCKER_HOST: `unix://${fromEnv}` })).modem).toMatchObject({ socketPath: fromEnv });
});

test('an engine that is named and does not answer is an error, although another one would', async () => {
  await engineAt(join(folder, 'docker.sock'));
  const named = `unix://${join(folder, 'nosuch.sock')}`;
  await expect(find(named, { XDG_RUNTIME_DIR: folder })).rejects.toMatchObject({
    reason: 'engine_unavailable',
    message: expect.stringMatching(/nosuch\.sock \(configured\).*apt-get install docker\.io/),
  });
});

test.each(['docker', '/var/run/docker.sock', 'unix://', 'ftp://x', ''.padEnd(300, 'x')])(
  '%j is no address of an engine',
  async (address) => {
    await expect(find(address, {})).rejects.toMatchObject({ reason: 'invalid_config' });
  },
);

test('a TCP address gets the default port of its protocol', () => {
  const options = (url: string, env = {}) => connectionOptions({ url, source: 'test' }, env);
  expect(options('tcp://host')).toMatchObject({ host: 'host', port: '2375', protocol: 'http', socketPath: undefined });
  expect(options('tcp://host', { DOCKER_TLS_VERIFY: '1' })).toMatchObject({ host: 'host', port: '2376', protocol: 'https' });
  expect(options('tcp://host:99')).toMatchObject({ port: '99' });
});
