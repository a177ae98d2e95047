import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesTarget, guestFiles } from '../../../test/support/guest-files.ts';

test('parts are put together in their order, and are gone then', async () => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'a'), 'Hello, ');
  writeFileSync(join(folder, 'b'), 'World');
  const body = JSON.stringify({ source_paths: ['a', join(folder, 'b')], destination: 'sub/whole', username: '65534' });
  const answer = await http('POST', '/files/compose', { body });
  expect([answer.status, answer.json()]).toEqual([200, { name: 'whole', type: 'file', path: join(folder, 'sub/whole') }]);
  expect(readFileSync(join(folder, 'sub/whole'), 'utf8')).toBe('Hello, World');
  expect(statSync(join(folder, 'sub/whole')).uid).toBe(65534);
  expect(readdirSync(folder)).toEqual(['sub']);
});

test('parts that cannot be put together stay as they are', async () => {
  const { folder, http } = await guestFiles();
  writeFileSync(join(folder, 'a'), 'a');
  linkSync(join(folder, 'a'), join(folder, 'same'));
  mkdirSync(join(folder, 'directory'));
  const statusOf = async (body: unknown) =>
    (await http('POST', '/files/compose', { body: typeof body === 'string' ? body : JSON.stringify(body) })).status;
  expect(await statusOf('{')).toBe(400);
  expect(await statusOf('null')).toBe(400);
  expect(await statusOf({ source_paths: [], destination: 'x' })).toBe(400);
  expect(await statusOf({ source_paths: ['a'], destination: '' })).toBe(400);
  expect(await statusOf({ source_paths: ['a'], destination: 'a' })).toBe(400);
  expect(await statusOf({ source_paths: ['a'], destination: 'same' })).toBe(400);
  expect(await statusOf({ source_paths: ['a', 'same'], destination: 'x' })).toBe(400);
  expect(await statusOf({ source_paths: ['a', 'directory'], destination: 'x' })).toBe(400);
  expect(await statusOf({ source_paths: ['a', 'missing'], destination: 'x' })).toBe(404);
  expect(await statusOf({ source_paths: ['a'], destination: 'x', username: 'no-such-user' })).toBe(401);
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('a');
  expect(existsSync(join(folder, 'x'))).toBe(false);
});

test('other methods and paths are refused', async () => {
  const { http } = await guestFiles();
  expect((await http('PUT', filesTarget('x'), { body: 'x' })).status).toBe(400);
  expect((await http('GET', '/files/compose')).status).toBe(400);
});
