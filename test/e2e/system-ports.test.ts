import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { sendRequest } from '../support/raw-http.ts';
import { System } from '../support/system.ts';
import { WebSocketClient } from '../support/web-socket-client.ts';

describe.each(['apart', 'up'] as const)('a sandbox from outside, with server and executor %s', (shape) => {
  let system: System;
  let id: string;
  let port: number;
  beforeAll(async () => {
    system = await System.start(`ports-${shape}`, { shape, config: { server: { sandbox_domain: 'sandbox.localhost' } } });
    ({ sandbox_id: id } = await system.client.sandboxes.create(
      { entrypoint: ['sh', '-c', 'echo begun; exec sleep 1000'] },
      { wait: true },
    ));
    port = Number(new URL(system.url).port);
  });
  afterAll(() => system?.close());

  const path = (below: string) => `/v1/namespaces/default/sandboxes/${id}${below}`;
  const open = (below: string) => WebSocketClient.open(`ws://127.0.0.1:${port}${path(below)}`);

  test('a terminal begins a shell, carries bytes of every value, and is hung up', async () => {
    const client = await open('/terminal');
    client.send('stty raw -echo; echo rea""dy; exec head -c 200000\n');
    await client.untilText('ready');
    const sent = randomBytes(200_000);
    client.send(sent);
    expect((await client.closed).code).toBe(1000);
    expect(
      client.bytes
        .subarray(client.bytes.lastIndexOf('ready') + 'ready'.length)
        .subarray(-sent.length)
        .equals(sent),
    ).toBe(true);

    const second = await open('/terminal?cmd=sleep&arg=987');
    await second.until(() => second.texts.length > 0);
    second.socket.terminate();
    await vi.waitFor(async () => expect(await system.client.processes.list(id)).toEqual([]), { timeout: 10_000 });
  });

  test('what the entrypoint prints and what the sandbox uses is told', async () => {
    const { body: logs } = await sendRequest(port, path('/logs'));
    expect(JSON.parse(String(logs))).toMatchObject({ logs: [{ stream: 'stdout', message: 'begun' }], truncated: false });
    const { body: metrics } = await sendRequest(port, path('/metrics'));
    expect(JSON.parse(String(metrics))).toMatchObject({ memory_used_bytes: expect.any(Number), processes: expect.any(Number) });
  });

  test('a program is reached over HTTP, by host name and over TCP', async () => {
    const answer = "printf 'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nhello'";
    await system.client.processes.start(id, { shell: `while :; do nc -l -p 8080 -e sh -c "read line; ${answer}"; done` });
    const reach = async () => {
      const { status, headers, body } = await sendRequest(port, path('/ports/8080/'));
      expect([status, String(body), headers['content-security-policy']]).toEqual([200, 'hello', expect.stringContaining('sandbox')]);
    };
    await vi.waitFor(reach, { timeout: 10_000 });
    // It listens anew for each connection.
    const reachByName = async () => {
      const { status, body } = await sendRequest(port, '/', { headers: { host: `8080-${id}.sandbox.localhost:${port}` } });
      expect([status, String(body)]).toEqual([200, 'hello']);
    };
    await vi.waitFor(reachByName, { timeout: 10_000 });
    const client = await vi.waitFor(() => open('/tcp/8080'), { timeout: 10_000 });
    client.send('GET\n');
    await client.untilText('hello');
    await client.until(() => client.texts.length > 0);
    client.send({ type: 'end' });
    await client.closed;
    expect((await sendRequest(port, path('/ports/8081/'))).status).toBe(502);
  });
});
