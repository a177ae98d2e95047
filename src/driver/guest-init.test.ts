import { createServer, type RequestListener } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import { initGuest } from './guest-init.ts';

const NEVER = new AbortController().signal;

/** A guest that answers as it is told. */
function guest(answer: RequestListener): Duplex {
  const [near, far] = duplexPair();
  createServer(answer).emit('connection', far);
  return near;
}

/** A guest that says what is no answer. */
function saying(bytes: string | Buffer): Duplex {
  const [near, far] = duplexPair();
  far.on('error', () => {});
  far.once('data', () => far.write(bytes));
  return near;
}

test('the guest is told what it needs to know, and the connection is closed', async () => {
  const told: unknown[] = [];
  const connection = guest(async (request, response) => {
    told.push(request.method, request.url, JSON.parse(Buffer.concat(await Array.fromAsync(request)).toString()));
    response.writeHead(204).end();
  });
  const init = { env: { A: 'ü\n' }, user: 'app', entrypoint: ['sh'] };
  await initGuest(connection, init, NEVER);
  expect(told).toEqual(['POST', '/init', init]);
  expect(connection.destroyed).toBe(true);
});

test('that an entrypoint failed is told in the guest’s words, in one line', async () => {
  const body = JSON.stringify({ code: 422, reason: 'entrypoint_failed', message: `no command \u001b[31m"x"\nhere${'.'.repeat(10_000)}` });
  const refused = initGuest(
    guest((_, response) => response.writeHead(422).end(body)),
    { env: {} },
    NEVER,
  );
  await expect(refused).rejects.toMatchObject({
    reason: 'entrypoint_failed',
    message: expect.stringMatching(/^the entrypoint cannot be started: no command {1,2}\[31m"x" here\.{900,1000}$/),
  });
});

test.each([
  ['another refusal', guest((_, response) => response.writeHead(500).end('{"reason": "internal", "message": "oh"}')), /status 500: oh/],
  ['a refusal with a reason of the server’s', guest((_, response) => response.writeHead(401).end('{"reason":"unauthenticated"}')), /401/],
  ['a refusal in no known form', guest((_, response) => response.writeHead(400).end('null')), /status 400/],
  ['an answer without end', guest((_, response) => response.writeHead(400).end(Buffer.alloc(100_000))), /longer than/],
  ['a header without end', saying(`HTTP/1.1 204 OK\r\nx: ${'y'.repeat(100_000)}`), /Header overflow/i],
  ['bytes that are no answer', saying(Buffer.from([0, 255, 1])), /cannot be initialised/],
])('%s is no answer', async (_what, connection, message) => {
  await expect(initGuest(connection, { env: {} }, NEVER)).rejects.toMatchObject({
    reason: 'guest_unavailable',
    message: expect.stringMatching(message),
  });
  expect(connection.destroyed).toBe(true);
});

test('a guest that hangs up, and one that never answers, are given up', async () => {
  const [near, far] = duplexPair();
  far.once('data', () => far.end());
  await expect(initGuest(near, { env: {} }, NEVER)).rejects.toMatchObject({ reason: 'guest_unavailable' });
  const controller = new AbortController();
  const silent = initGuest(saying(''), { env: {} }, controller.signal);
  controller.abort(new Error('enough'));
  await expect(silent).rejects.toThrow('enough');
});
