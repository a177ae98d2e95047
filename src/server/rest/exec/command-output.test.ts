import { expect, test } from 'vitest';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { bytes, FakeCommandRunner } from '../../../../test/support/fake-command-runner.ts';
import type { ExecutorId, Namespace, SandboxId } from '../../../model/ids.ts';
import { type CommandCall, commandOutput } from './command-output.ts';

const CALL: CommandCall = {
  target: { namespace: 'default' as Namespace, executorId: 'exec-1' as ExecutorId, sandboxId: 'sb-1' as SandboxId },
  request: { command: ['x'], env: {} },
  stdin: new Uint8Array(0),
  timeoutSecs: 10,
};

const { signal } = new AbortController();

test('a command is not killed after its end, and its timer is gone', async () => {
  const [commands, clock] = [new FakeCommandRunner(), new FakeClock()];
  expect(await Array.fromAsync(commandOutput(commands, CALL, clock, signal))).toEqual([{ exitCode: 0 }]);
  expect(commands.signals[0]?.aborted).toBe(false);
  expect(clock.scheduled).toEqual([]);
});

test('a command that nobody reads on is killed', async () => {
  const commands = new FakeCommandRunner();
  commands.script = async function* () {
    for (;;) yield { stdout: bytes('y\n') };
  };
  for await (const _ of commandOutput(commands, CALL, new FakeClock(), signal)) break;
  expect(commands.signals[0]?.aborted).toBe(true);
});

test('the time is up also while the executor does not even answer', async () => {
  const clock = new FakeClock();
  const output = commandOutput({ run: () => new Promise(() => {}) }, CALL, clock, signal).next();
  clock.advance(10_000);
  await expect(output).rejects.toMatchObject({ reason: 'exec_timeout', message: expect.stringContaining('within 10 s') });
});

test('a command that ignores being killed holds nobody up', async () => {
  const [commands, clock] = [new FakeCommandRunner(), new FakeClock()];
  const started = Promise.withResolvers<void>();
  commands.script = async function* () {
    started.resolve();
    await new Promise(() => {});
    yield { exitCode: 0 };
  };
  const output = commandOutput(commands, CALL, clock, signal).next();
  await started.promise;
  clock.advance(10_000);
  await expect(output).rejects.toMatchObject({ reason: 'exec_timeout' });
  expect(commands.signals[0]?.aborted).toBe(true);
});

test('all of stdin is written, then closed, also when it is more than one message takes', async () => {
  const commands = new FakeCommandRunner();
  let read = '';
  commands.script = async function* (command) {
    read = await command.stdin;
    yield { exitCode: 0 };
  };
  const stdin = 'ab'.repeat(100_000);
  await Array.fromAsync(commandOutput(commands, { ...CALL, stdin: bytes(stdin) }, new FakeClock(), signal));
  expect(read).toBe(stdin);
});
