import { expect, test } from 'vitest';
import { resolveUser } from './resolve-user.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n# comment\napp:x:1000:1001::/home/app:/bin/sh\n1234:x:77:78::/odd:/bin/sh\n';
const GROUP = 'root:x:0:\nstaff:x:50:app,other\napp:x:1001:\naudio:x:29:other\n';

test('a name gets its uid, its primary group, the groups that list it and its home', () => {
  expect(resolveUser('app', PASSWD, GROUP)).toEqual({ uid: 1000, gid: 1001, groups: [50], home: '/home/app' });
});

test('a number that has an entry is the same user', () => {
  expect(resolveUser('1000', PASSWD, GROUP)).toEqual({ uid: 1000, gid: 1001, groups: [50], home: '/home/app' });
});

test('a number needs no entry, and then has group 0 and / as its home', () => {
  expect(resolveUser('4242', '', '')).toEqual({ uid: 4242, gid: 0, groups: [], home: '/' });
});

test('a user whose name is a number comes before the number', () => {
  expect(resolveUser('1234', PASSWD, GROUP)).toMatchObject({ uid: 77, gid: 78 });
});

test('a named group replaces all others', () => {
  expect(resolveUser('app:audio', PASSWD, GROUP)).toEqual({ uid: 1000, gid: 29, groups: [], home: '/home/app' });
  expect(resolveUser('7:8', PASSWD, GROUP)).toEqual({ uid: 7, gid: 8, groups: [], home: '/' });
});

test('an unknown name is an error that names it', () => {
  expect(() => resolveUser('nobodyx', PASSWD, GROUP)).toThrow('no user "nobodyx"');
  expect(() => resolveUser('app:nogroup', PASSWD, GROUP)).toThrow('no group "nogroup"');
});
