import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const { callEngine, engineAddresses, findEngine } = await import('./engine-api.mjs' as string);
const { removeTestLeftovers } = await import('./leftovers.mjs' as string);

let folder: string;
let servers: Server[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandglass-engine-'));
  servers = [];
});
afterEach(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

/** Something that speaks HTTP on a unix socket. */
async function listening(name: string, listener: RequestListener) {
  const socketPath = join(folder, name);
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return { host: `unix://${socketPath}`, socketPath };
}

describe('engineAddresses', () => {
  it('means the engine of DOCKER_HOST and no other', () => {
    expect(engineAddresses({ DOCKER_HOST: 'unix:///tmp/x.sock' }, '/home/ann')).toEqual([
      { host: 'unix:///tmp/x.sock', socketPath: '/tmp/x.sock' },
    ]);
    expect(engineAddresses({ DOCKER_HOST: 'tcp://[::1]' }, '/home/ann')).toMatchObject([{ hostname: '::1', port: 2375, tls: false }]);
    expect(engineAddresses({ DOCKER_HOST: 'tcp://h', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }, '/')).toMatchObject([
      { hostname: 'h', port: 2376, tls: true, certPath: '/certs' },
    ]);
    expect(() => engineAddresses({ DOCKER_HOST: 'ssh://ann@h' }, '/home/ann')).toThrow('must look like unix:///path');
  });

  it('looks in the usual places, the system first', () => {
    const hosts = engineAddresses({ XDG_RUNTIME_DIR: '/run/user/1' }, '/home/ann').map(({ host }: { host: string }) => host);
    expect(hosts.slice(0, 2)).toEqual(['unix:///var/run/docker.sock', 'unix:///run/user/1/docker.sock']);
  });
});

describe('findEngine', () => {
  it('passes over sockets that are not there, or at which something else answers', async () => {
    const other = await listening('other', (_, answer) => answer.writeHead(404).end());
    const engine = await listening('engine', (request, answer) => answer.end(request.url === '/_ping' ? 'OK' : ''));
    const missing = { host: 'unix:///nowhere', socketPath: join(folder, 'missing') };
    expect(await findEngine([missing, other, engine])).toEqual({ engine, denied: [] });
    expect(await findEngine([missing, other])).toEqual({ denied: [] });
  });
});

describe('callEngine', () => {
  it('fails with the message of the engine', async () => {
    const engine = await listening('engine', (_, answer) => answer.writeHead(409).end('{"message":"it is in use"}'));
    await expect(callEngine(engine, 'DELETE', '/images/x')).rejects.toMatchObject({
      status: 409,
      message: 'DELETE /images/x: it is in use (409)',
    });
  });

  it('gives up on an engine that is silent', async () => {
    const engine = await listening('engine', () => {});
    await expect(callEngine(engine, 'GET', '/_ping', { timeoutMs: 20 })).rejects.toThrow();
  });
});

describe('removeTestLeftovers', () => {
  it('asks for what carries the test label, and removes that, containers first', async () => {
    const calls: string[] = [];
    const lists: Record<string, unknown> = {
      '/containers/json': [{ Id: 'c1' }],
      '/images/json': [{ Id: 'i1' }, { Id: 'in-use' }],
      '/networks': [{ Id: 'n1' }],
      '/volumes': { Volumes: [{ Name: 'v1' }] },
    };
    const engine = await listening('engine', (request, answer) => {
      const url = new URL(request.url ?? '', 'http://docker');
      if (request.method === 'DELETE') {
        calls.push(url.pathname);
        answer.writeHead(url.pathname === '/images/in-use' ? 409 : 200).end();
      } else {
        expect(JSON.parse(url.searchParams.get('filters') ?? '')).toEqual({ label: ['dev.sandglass.test'] });
        answer.end(JSON.stringify(lists[url.pathname]));
      }
    });
    expect(await removeTestLeftovers(engine)).toBe(4);
    expect(calls).toEqual(['/containers/c1', '/images/i1', '/images/in-use', '/networks/n1', '/volumes/v1']);
  });
});
