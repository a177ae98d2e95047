import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FakeCommand } from '../../src/driver/fake-commands.ts';
import { newId } from '../../src/main/new-id.ts';
import type { ExecutorId, SandboxId } from '../../src/model/ids.ts';
import type { CommandRequest, RemoteCommand } from '../../src/server/command-runner.ts';
import { helloOf, RawExecutor } from '../support/grpc-raw-executor.ts';
import { GrpcWorld, HEARTBEAT_MS, JOIN_TOKEN, type TestExecutor, until } from '../support/grpc-world.ts';

/** Bytes that the endless command has printed, and whether it was killed. */
const endless = { bytes: 0, killed: false };

const COMMANDS: Record<string, FakeCommand> = {
  /** Prints for ever, waiting when nobody reads. */
  yes: async ({ stdout, signal }) => {
    Object.assign(endless, { bytes: 0, killed: false });
    signal.addEventListener('abort', () => (endless.killed = true), { once: true });
    while (!signal.aborted && !stdout.destroyed) {
      endless.bytes += 65_536;
      if (!stdout.write(Buffer.alloc(65_536, 'y'))) await once(stdout, 'drain', { signal }).catch(() => {});
    }
    return 137;
  },
  /** Prints a million bytes in one piece. */
  big: ({ stdout }) => {
    stdout.write(Buffer.alloc(1_000_000, 'b'));
    return 0;
  },
  /** Never reads its input. */
  deaf: ({ signal }) => {
    endless.killed = false;
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        endless.killed = true;
        resolve(137);
      });
    });
  },
  both: ({ stdout, stderr }) => {
    stdout.write('out');
    stderr.write('err');
    return 3;
  },
};

let world: GrpcWorld;
let it: TestExecutor;
let sandboxId: SandboxId;
beforeEach(async () => {
  world = await GrpcWorld.start({ maxExecsPerExecutor: 4 });
  it = await world.connectedExecutor({ fake: { commands: COMMANDS }, reconnect: { baseMs: 100, maxMs: 100 } });
  sandboxId = await world.startSandbox(it.executorId);
});
afterEach(() => world.close());

async function start(
  command: string[],
  { signal = new AbortController().signal, ...over }: Partial<CommandRequest> & { signal?: AbortSignal } = {},
) {
  return world.server.commands.run(it.executorId, { sandboxId, command, env: {}, ...over }, signal);
}

async function collect(command: RemoteCommand) {
  const [stdout, stderr]: [Uint8Array[], Uint8Array[]] = [[], []];
  let exitCode: number | undefined;
  for await (const output of command.output) {
    if ('stdout' in output) stdout.push(output.stdout);
    else if ('stderr' in output) stderr.push(output.stderr);
    else exitCode = output.exitCode;
  }
  return { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr), exitCode };
}

async function run(command: string[], over: Partial<CommandRequest> = {}) {
  return collect(await start(command, over));
}

/** No command that the server waits for, and none that runs: the next one gets through. */
const untilIdle = async () => {
  for (let n = 0; n < 4; n += 1) expect((await run(['true'])).exitCode).toBe(0);
};

describe('a command', () => {
  test('prints on both streams, and ends with its status', async () => {
    const { stdout, stderr, exitCode } = await run(['both']);
    expect([stdout.toString(), stderr.toString(), exitCode]).toEqual(['out', 'err', 3]);
  });

  test('gets its arguments and environment', async () => {
    expect((await run(['echo', 'a b', '', 'ü'])).stdout.toString()).toBe('a b  ü\n');
    expect((await run(['env'], { env: { A: '1', B: 'x=y' } })).stdout.toString()).toBe('A=1\nB=x=y\n');
  });

  test('prints in one piece what no message could carry', async () => {
    expect((await run(['big'])).stdout.equals(Buffer.alloc(1_000_000, 'b'))).toBe(true);
  });

  test('gets 10 MB on its input and sends them back unchanged', async () => {
    const input = randomBytes(10 * 1024 * 1024);
    const command = await start(['cat']);
    const output = collect(command);
    for (let at = 0; at < input.length; at += 1_000_003) await command.writeStdin(input.subarray(at, at + 1_000_003));
    command.closeStdin();
    const { stdout, exitCode } = await output;
    expect(exitCode).toBe(0);
    expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(input).digest('hex'));
  });

  test('that does not read its input ends, and its writer with it', async () => {
    const command = await start(['true']);
    const written = command.writeStdin(randomBytes(10 * 1024 * 1024));
    expect((await collect(command)).exitCode).toBe(0);
    await written;
    command.closeStdin();
  });

  test.each([
    ['command_not_found', ['nosuch']],
    ['sandbox_not_running', ['true'], newId('sandbox')],
  ] as const)('that can not be started fails with %s', async (reason, command, elsewhere?) => {
    const over = elsewhere === undefined ? {} : { sandboxId: elsewhere };
    await expect(run([...command], over)).rejects.toMatchObject({ reason });
    await untilIdle();
  });

  test.each([
    ['without a program', []],
    ['with an endless argument', ['echo', 'x'.repeat(200_000)]],
    ['with endlessly many arguments', ['echo', ...Array.from({ length: 200 }, () => 'x'.repeat(100_000))]],
  ])('%s is refused, and costs nobody else the session', async (_name, command) => {
    await expect(run(command)).rejects.toMatchObject({ reason: 'invalid_request' });
    await untilIdle();
    expect(world.connectionsOf(it.executorId)).toBe(1);
  });

  test('of broken Unicode is run with what can be said of it', async () => {
    expect((await run(['echo', 'a\ud83d'])).stdout.toString()).toBe('a\ufffd\n');
  });

  test('runs beside others, up to the limit', async () => {
    const sleepers = await Promise.all([1, 2, 3, 4].map(() => start(['sleep', '9'])));
    await expect(start(['true'])).rejects.toMatchObject({ reason: 'too_many_requests' });
    await until(() => it.driver.calls.get('exec') === 4);
    it.driver.engine.endSandbox(sandboxId, 0);
    for (const sleeper of sleepers) expect((await collect(sleeper)).exitCode).toBe(137);
  });
});

describe('output that nobody reads', () => {
  test('stops the command, instead of filling memory, and holds up nothing else', async () => {
    const command = await start(['yes']);
    const output = command.output[Symbol.asyncIterator]();
    await output.next();
    let before = -1;
    while (endless.bytes !== before) {
      before = endless.bytes;
      for (let n = 0; n < 20; n += 1) await run(['true']); // others run on meanwhile
    }
    expect(endless.bytes).toBeLessThan(1024 * 1024);
    for (let n = 0; n < 200; n += 1) await output.next(); // it goes on when somebody reads
    expect(endless.bytes).toBeGreaterThan(before);
    await output.return?.();
    await until(() => endless.killed);
    await untilIdle();
  });

  test('input that the command does not read makes the writer wait', async () => {
    const abort = new AbortController();
    const command = await start(['deaf'], { signal: abort.signal });
    let written = 0;
    const writing = (async () => {
      for (let n = 0; n < 320; n += 1) {
        await command.writeStdin(new Uint8Array(65_536));
        written += 65_536;
      }
    })();
    let before = -1;
    while (written !== before || written === 0) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 3 * HEARTBEAT_MS)); // also longer than a session without heartbeats
    }
    expect(written).toBeLessThan(1024 * 1024);
    abort.abort();
    await expect(collect(command)).rejects.toThrow();
    await writing;
    await until(() => endless.killed); // although nothing that is sent gets past the input
    expect(world.connectionsOf(it.executorId)).toBe(1);
    await untilIdle();
  });
});

describe('a command that is given up', () => {
  test('is killed, and its reader gets the reason', async () => {
    const abort = new AbortController();
    const command = await start(['yes'], { signal: abort.signal });
    const output = collect(command);
    await until(() => endless.bytes > 1_000_000);
    const reason = new Error('timed out');
    abort.abort(reason);
    await expect(output).rejects.toBe(reason);
    await until(() => endless.killed);
    await untilIdle();
  });

  test('before it started is not run on', async () => {
    const hold = it.driver.faults.hold('exec.start');
    const abort = new AbortController();
    const output = collect(await start(['yes'], { signal: abort.signal }));
    await hold.reached;
    abort.abort(new Error('never mind'));
    await expect(output).rejects.toThrow('never mind');
    hold.release();
    await untilIdle();
  });

  test('before it was asked for is not asked for', async () => {
    await expect(start(['true'], { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow('too late');
  });
});

describe('an executor that', () => {
  test('is not connected is said to be unavailable', async () => {
    const run = world.server.commands.run(newId('executor'), { sandboxId, command: ['true'], env: {} }, new AbortController().signal);
    await expect(run).rejects.toMatchObject({ reason: 'executor_unavailable' });
  });

  test.each([
    ['cut', () => world.proxy.cut()],
    ['black-holed', () => world.proxy.blackHole()],
  ] as const)('is %s while a command runs: the reader gets an error, the command is killed', async (_name, breakLink) => {
    const output = collect(await start(['yes']));
    await until(() => endless.bytes > 1_000_000);
    breakLink();
    await expect(output).rejects.toMatchObject({ reason: 'executor_unavailable' });
    await until(() => endless.killed);
    world.proxy.forward();
    await until(() => world.connectionsOf(it.executorId) === 2);
    await untilIdle();
  });

  test('does not open the stream in time is said to be unavailable', async () => {
    const { raw, executorId } = await rawExecutor();
    const command = await world.server.commands.run(executorId, { sandboxId, command: ['true'], env: {} }, new AbortController().signal);
    await expect(collect(command)).rejects.toMatchObject({ reason: 'executor_unavailable' });
    raw.close();
  });

  test.each([
    ['breaks off without an exit status', [], 'executor_unavailable'],
    ['says an impossible exit status', [{ case: 'exitCode', value: -3 }], 'invalid_request'],
    ['names the stream twice', [{ case: 'execId', value: 'x' }], 'invalid_request'],
    ['sends an empty message', [{ case: undefined }], 'invalid_request'],
    ['sends pieces that are too large', [{ case: 'stdout', value: new Uint8Array(200_000) }], 'executor_unavailable'],
  ] as const)('%s is not believed', async (_name, messages, reason) => {
    const { raw, session, executorId } = await rawExecutor();
    const command = await world.server.commands.run(executorId, { sandboxId, command: ['true'], env: {} }, new AbortController().signal);
    await until(() => session.of('openExec').length === 1);
    const [{ execId }] = session.of('openExec') as [{ execId: string }];
    const call = raw.exec(JOIN_TOKEN).send({ case: 'execId', value: execId });
    for (const message of messages) call.send(message as never);
    call.end();
    await expect(collect(command)).rejects.toMatchObject({ reason });
    raw.close();
  });

  test('opens a stream that nobody waits for is turned away', async () => {
    const { raw } = await rawExecutor();
    const call = raw.exec(JOIN_TOKEN).send({ case: 'execId', value: 'made-up' });
    expect(await call.ended).toMatchObject({ code: Code.NotFound });
    raw.close();
  });
});

async function rawExecutor(executorId: ExecutorId = newId('executor')) {
  const raw = await RawExecutor.connect(world.url);
  const session = raw.session(JOIN_TOKEN).send({ case: 'hello', value: helloOf(executorId) });
  await until(() => session.of('welcome').length === 1);
  const beat = setInterval(() => session.send({ case: 'heartbeat', value: {} }), HEARTBEAT_MS);
  void session.ended.then(() => clearInterval(beat));
  return { raw, session, executorId };
}
