import { expect, test } from 'vitest';
import { hasProjectQuota } from './engine-info.ts';

const MOUNTS = [
  'rootfs / ext4 rw 0 0',
  '/dev/sdb /var/lib/docker xfs rw,relatime,attr2,prjquota 0 0',
  '/dev/sdc /var/lib/docker2 xfs rw,noquota 0 0',
  '/dev/sdd /data xfs rw,pquota 0 0',
].join('\n');

test.each([
  ['/var/lib/docker', true],
  ['/data/docker', true],
  ['/var/lib/docker2', false],
  ['/var/lib', false],
  ['/database', false],
])('%s can limit the disk: %s', (path, expected) => {
  expect(hasProjectQuota(MOUNTS, path)).toBe(expected);
});
