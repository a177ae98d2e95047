import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';

const { isChroot } = await import('./chroot.mjs' as string);

it('tells a chroot by its root being another folder than that of the first process', () => {
  expect(isChroot('/', '/')).toBe(false);
  expect(isChroot(tmpdir(), '/')).toBe(true);
  expect(isChroot('/no/such/folder', '/')).toBe(false);
});
