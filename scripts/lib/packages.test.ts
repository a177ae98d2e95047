import { describe, expect, it } from 'vitest';

const { matches, outsideOfNpm } = await import('./packages.mjs' as string);

const lock = (packages: Record<string, object>) => ({ packages: { '': { version: '0.1.0' }, ...packages } });
const installed = (packages: Record<string, object>) => ({ packages });
const a1 = { version: '1.0.0', integrity: 'sha512-a1' };
const a2 = { version: '2.0.0', integrity: 'sha512-a2' };

describe('matches', () => {
  it.each([
    ['what is installed is what is wanted', lock({ 'node_modules/a': a1 }), installed({ 'node_modules/a': a1 }), true],
    ['a package is missing', lock({ 'node_modules/a': a1, 'node_modules/b': a1 }), installed({ 'node_modules/a': a1 }), false],
    ['a package has another version', lock({ 'node_modules/a': a2 }), installed({ 'node_modules/a': a1 }), false],
    ['a package has other content', lock({ 'node_modules/a': { ...a1, integrity: 'x' } }), installed({ 'node_modules/a': a1 }), false],
    ['a package is not wanted any more', lock({}), installed({ 'node_modules/a': a1 }), false],
    ['an optional package is for another machine', lock({ 'node_modules/a': { ...a1, optional: true } }), installed({}), true],
    ['an optional package is outdated', lock({ 'node_modules/a': { ...a2, optional: true } }), installed({ 'node_modules/a': a1 }), false],
  ])('when %s', (_, wanted, found, expected) => {
    expect(matches(wanted, found)).toBe(expected);
  });
});

describe('outsideOfNpm', () => {
  it('takes out what npm has put in, and nothing else', () => {
    const env = {
      PATH: '/repo/node_modules/.bin:/node_modules/.bin:/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin:/usr/bin',
      HOME: '/home/ann',
      NODE: '/repo/node_modules/.bin/node',
      npm_lifecycle_event: 'start',
      npm_package_json: '/repo/package.json',
      npm_config_registry: 'https://registry.example/',
    };
    expect(outsideOfNpm(env)).toEqual({ PATH: '/usr/bin', HOME: '/home/ann', npm_config_registry: 'https://registry.example/' });
  });
});
