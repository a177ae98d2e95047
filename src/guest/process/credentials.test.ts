import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { runAs } from './credentials.ts';

const IDENTITY = { uid: 12_345, gid: 23_456, groups: [111, 222], home: '/' };
const id = (option: string) => spawnSync('id', [option]).stdout.toString().trim();

test('what is started belongs to the user, with all groups, and to nobody else afterwards', () => {
  const own = [id('-u'), id('-G')];
  expect(runAs(IDENTITY, () => [id('-u'), id('-G')])).toEqual(['12345', '23456 111 222']);
  expect([id('-u'), id('-G')]).toEqual(own);
});

test('files are made, and refused, with the rights of the user', () => {
  const folder = tempFolder();
  chmodSync(folder, 0o777);
  const [mine, secret] = [join(folder, 'mine'), join(folder, 'secret')];
  writeFileSync(secret, '', { mode: 0o600 });
  runAs(IDENTITY, () => writeFileSync(mine, ''));
  expect(statSync(mine)).toMatchObject({ uid: 12_345, gid: 23_456 });
  expect(() => runAs(IDENTITY, () => writeFileSync(secret, 'x'))).toThrow('EACCES');
});

test('after an error the process is itself again', () => {
  expect(() =>
    runAs(IDENTITY, () => {
      throw new Error('in between');
    }),
  ).toThrow('in between');
  expect([process.geteuid?.(), process.getuid?.(), id('-u')]).toEqual([0, 0, '0']);
  expect(existsSync('/proc/self/status')).toBe(true);
});
