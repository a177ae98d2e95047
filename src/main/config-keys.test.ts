import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CONFIG_KEYS, type ConfigKey } from './config-keys.ts';
import { valueProblem } from './config-problems.ts';

const docs = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
const documented = docs.split('\n').filter((line) => line.startsWith('| `'));

function row({ name, env, schema }: ConfigKey): string {
  const byDefault =
    schema.default === undefined ? '' : `\`${typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)}\``;
  return `| \`${name}\` | \`${env}\` | ${byDefault} | ${schema.description} |`;
}

it('documents every key with its variable, default and meaning, and no other', () => {
  expect(documented).toEqual(CONFIG_KEYS.map(row));
});

it('gives every key a variable of its own', () => {
  expect(new Set(CONFIG_KEYS.map((key) => key.env)).size).toBe(CONFIG_KEYS.length);
});

it('starts every key from a default that is valid, or from none', () => {
  const wrong = CONFIG_KEYS.filter(({ schema }) => schema.default !== undefined).flatMap(
    ({ schema, name }) => valueProblem(schema, schema.default, name) ?? [],
  );
  expect(wrong).toEqual([]);
});
