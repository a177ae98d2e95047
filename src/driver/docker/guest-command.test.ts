import { expect, test } from 'vitest';
import { guestCommand, hiddenVariables, startupVariables } from './guest-command.ts';

test('the guest runs below the init program where there is one', () => {
  expect(guestCommand({ directory: '/x', hasInit: true }, false).slice(0, 3)).toEqual([
    '/dev/sandglass/init',
    '--',
    '/dev/sandglass/ld.so',
  ]);
  expect(guestCommand({ directory: '/x', hasInit: false }, true)[0]).toBe('/dev/sandglass/ld.so');
  expect(guestCommand({ directory: '/x', hasInit: false }, true).at(-1)).toBe('--entrypoint');
});

test('variables that change how Node starts are hidden from the guest, and only those', () => {
  const env = ['PATH=/bin', 'LD_PRELOAD=/lib/x.so', 'NODE_OPTIONS=--a=b', 'NODE_VERSION=24', 'LD_PRELOADED=1', 'BARE'];
  expect(startupVariables(env)).toEqual(['LD_PRELOAD=/lib/x.so', 'NODE_OPTIONS=--a=b']);
  expect(hiddenVariables(env)).toEqual(['LD_PRELOAD=', 'NODE_OPTIONS=']);
});
