import { expect, test } from 'vitest';
import { guestCommand, hiddenVariables, startupVariables } from './guest-command.ts';

test('the guest runs below the init program where there is one', () => {
  const command = guestCommand({ directory: '/x', hasInit: true });
  expect(command.slice(0, 3)).toEqual(['/dev/sandglass/init', '--', '/dev/sandglass/ld.so']);
  expect(command.slice(-2)).toEqual(['--socket', '/dev/sandglass-run/guest.sock']);
  expect(guestCommand({ directory: '/x', hasInit: false })[0]).toBe('/dev/sandglass/ld.so');
});

test('variables that change how Node starts are hidden from the guest, and only those', () => {
  const env = ['PATH=/bin', 'LD_PRELOAD=/lib/x.so', 'NODE_OPTIONS=--a=b', 'NODE_VERSION=24', 'LD_PRELOADED=1', 'BARE'];
  expect(startupVariables(env)).toEqual(['LD_PRELOAD=/lib/x.so', 'NODE_OPTIONS=--a=b']);
  expect(hiddenVariables(env)).toEqual(['LD_PRELOAD=', 'NODE_OPTIONS=']);
});
