import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SANDBOX_ID } from '../support/api-objects.ts';
import { FakeApi } from '../support/fake-api.ts';
import { type RunCliOptions, runCli } from '../support/run-cli.ts';

const PROCESSES = `/v1/namespaces/default/sandboxes/${SANDBOX_ID}/processes`;
const START = `POST ${PROCESSES}`;
/** Makes the launcher believe that an older Node runs it, so that it has to find the pinned one. */
const OLD_NODE = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } });";

let api: FakeApi;
beforeEach(async () => {
  api = await FakeApi.start();
});
afterEach(() => api.close());

function underOldNode(args: readonly string[], options: RunCliOptions = {}) {
  return runCli(args, {
    ...options,
    nodeArgs: ['--import', `data:text/javascript,${OLD_NODE}`],
    env: { SANDGLASS_URL: api.url, ...options.env },
  });
}

describe('bin/sandglass.mjs under an older Node', () => {
  test('runs the CLI with the pinned one', async () => {
    const { code, stdout, stderr } = await underOldNode(['doctor', '--json', '--url', 'http://127.0.0.1:1']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(stdout)[0]).toMatchObject({ name: 'node', status: 'ok', detail: expect.stringMatching(/^Node 24\./) });
  });

  test('passes arguments, input, output and exit code through', async () => {
    const input = Promise.withResolvers<Buffer>();
    api.on(START, async (request, reply) => {
      const stream = reply.stream();
      const { cmd } = request.body as { cmd: string };
      stream.event('start', { pid: 7 });
      stream.event('stdout', { data: Buffer.from(`${cmd}:`).toString('base64') });
      stream.event('stdout', { data: (await input.promise).toString('base64') });
      stream.event('exit', { exit_code: 42 });
      stream.end();
    });
    api.on(`POST ${PROCESSES}/7/stdin`, ({ bytes }, reply) => {
      input.resolve(bytes);
      reply.text(204, '');
    });
    const result = await underOldNode(['sandbox', 'exec', '-i', SANDBOX_ID, '--', 'a b'], { stdin: 'input' });
    expect(result).toEqual({ code: 42, stdout: 'a b:input', stderr: '' });
  });

  test.each([
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const)('passes %s on, and ends as the CLI does', async (signal, number) => {
    const signalled = Promise.withResolvers<unknown>();
    let kill = () => {};
    api.on(START, async (_request, reply) => {
      const stream = reply.stream();
      stream.event('start', { pid: 7 });
      kill();
      await signalled.promise;
      stream.event('exit', { exit_code: 128 + number });
      stream.end();
    });
    api.on(`POST ${PROCESSES}/7/signal`, ({ body }, reply) => {
      signalled.resolve(body);
      reply.text(204, '');
    });
    const onStart: RunCliOptions['onStart'] = (child) => {
      kill = () => child.kill(signal);
    };
    const { code } = await underOldNode(['sandbox', 'exec', SANDBOX_ID, 'sleep', '60'], { onStart });
    expect(code).toBe(128 + number);
    expect(await signalled.promise).toEqual({ signal });
  });
});
