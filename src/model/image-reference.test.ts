import { expect, test } from 'vitest';
import { formatImageReference, parseImageReference } from './image-reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  ['debian', 'docker.io/library/debian:latest'],
  ['debian:12-slim', 'docker.io/library/debian:12-slim'],
  ['org/name', 'docker.io/org/name:latest'],
  ['index.docker.io/org/name', 'docker.io/org/name:latest'],
  ['ghcr.io/org/deep/name:v1.2', 'ghcr.io/org/deep/name:v1.2'],
  ['localhost/name', 'localhost/name:latest'],
  ['127.0.0.1:5000/name:1', '127.0.0.1:5000/name:1'],
  ['[::1]:5000/name:1', '[::1]:5000/name:1'],
  [`name@${DIGEST}`, `docker.io/library/name@${DIGEST}`],
  [`host:5000/name:1@${DIGEST}`, `host:5000/name:1@${DIGEST}`],
  ['sandglass/default:snap-0192f3c1a5b47c9e8d2f6a7b8c9d0e1f', 'docker.io/sandglass/default:snap-0192f3c1a5b47c9e8d2f6a7b8c9d0e1f'],
  ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest'],
])('%s means %s', (text, meaning) => {
  expect(formatImageReference(parseImageReference(text))).toBe(meaning);
});

test.each([
  '',
  ' ',
  'Upper',
  'a b',
  'a//b',
  '/a',
  'a/',
  '../a',
  'a/../b',
  'host:port/a',
  'a:',
  'a:tag:tag',
  `a:${'t'.repeat(129)}`,
  'a@',
  'a@sha256:short',
  `a@md5:${'a'.repeat(64)}`,
  'a?b',
  'a#b',
  'a%2e',
  'a\nb',
  'ä',
  'a'.repeat(256),
  'f'.repeat(64),
])('%j is refused', (text) => {
  expect(() => parseImageReference(text)).toThrow(expect.objectContaining({ reason: 'invalid_image' }));
});
