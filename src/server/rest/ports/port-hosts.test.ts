import { expect, test } from 'vitest';
import { PortHosts } from './port-hosts.ts';

const ID = `sb-${'0a'.repeat(16)}`;
const hosts = new PortHosts('Sandbox.Example');

test('a name leads to a port of a sandbox, whatever its case and with any port of the server', () => {
  const found = { port: 3000, sandboxId: ID };
  expect(hosts.parse(`3000-${ID}.sandbox.example`)).toEqual(found);
  expect(hosts.parse(`3000-${ID.toUpperCase()}.SANDBOX.example:8900`)).toEqual(found);
});

test.each([
  undefined,
  '',
  'sandbox.example',
  '.sandbox.example',
  `${ID}.sandbox.example`,
  `3000-${ID}.sandbox.example.evil`,
  `3000-${ID}.evilsandbox.example`,
  `x.3000-${ID}.sandbox.example`,
  `3000-${ID}0.sandbox.example`,
  `300000-${ID}.sandbox.example`,
  `3000-${ID}.sandbox.example.`,
  `3000-${ID}`,
])('%s does not', (host) => {
  expect(hosts.parse(host)).toBeUndefined();
});

test('without a domain no name does', () => {
  expect(new PortHosts(undefined).parse(`3000-${ID}.sandbox.example`)).toBeUndefined();
});

test('the longest label fits in DNS', () => {
  expect(`65535-${ID}`.length).toBeLessThanOrEqual(63);
});
