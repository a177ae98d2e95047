import { expect, test } from 'vitest';
import { Lanes } from './lanes.ts';

function gates() {
  const lanes = new Lanes();
  const log: string[] = [];
  const run = (name: string, keys: string[]) => {
    const gate = Promise.withResolvers<void>();
    const done = lanes.run(keys, async () => {
      log.push(`+${name}`);
      await gate.promise;
      log.push(`-${name}`);
    });
    return { open: () => gate.resolve(), break: (error: Error) => gate.reject(error), done };
  };
  return { log, run };
}

test('tasks of one key run in order, others beside them', async () => {
  const { log, run } = gates();
  const [a1, a2, b] = [run('a1', ['a']), run('a2', ['a']), run('b', ['b'])];
  expect(log).toEqual(['+a1', '+b']);
  a2.open();
  b.open();
  await b.done;
  a1.open();
  await a2.done;
  expect(log).toEqual(['+a1', '+b', '-b', '-a1', '+a2', '-a2']);
});

test('a task of two keys waits for both, and both wait for it', async () => {
  const { log, run } = gates();
  const [a, b, ab, later] = [run('a', ['a']), run('b', ['b']), run('ab', ['a', 'b']), run('later', ['b'])];
  a.open();
  await a.done;
  expect(log).toEqual(['+a', '+b', '-a']);
  b.open();
  await b.done;
  later.open();
  ab.open();
  await later.done;
  expect(log).toEqual(['+a', '+b', '-a', '-b', '+ab', '-ab', '+later', '-later']);
});

test('a task that fails does not stop those after it', async () => {
  const { log, run } = gates();
  const [bad, good] = [run('bad', ['a']), run('good', ['a'])];
  good.open();
  bad.break(new Error('broken'));
  await expect(bad.done).rejects.toThrow('broken');
  await good.done;
  expect(log).toEqual(['+bad', '+good', '-good']);
});
