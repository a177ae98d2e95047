import { expect, test } from 'vitest';
import { parseImageReference } from '../../model/image-reference.ts';
import { pullError } from './pull-image.ts';
import { PullProgress } from './pull-progress.ts';

const IMAGE = parseImageReference('org/name:1');

/** Messages of Docker 20.10 to 28. */
test.each([
  ["pull access denied for org/name, repository does not exist or may require 'docker login': denied: requested access", 'image_not_found'],
  ['manifest for org/name:1 not found: manifest unknown: manifest unknown', 'image_not_found'],
  ['no matching manifest for linux/amd64 in the manifest list entries', 'image_not_found'],
  ['docker.io/org/name:1: not found', 'image_not_found'],
  ['unauthorized: authentication required', 'image_pull_denied'],
  ['error from registry: denied', 'image_pull_denied'],
  ['Get "https://host/v2/": no basic auth credentials', 'image_pull_denied'],
  ['Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host', 'registry_error'],
  ['Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', 'registry_error'],
  ['net/http: TLS handshake timeout', 'registry_error'],
  ['toomanyrequests: You have reached your pull rate limit', 'registry_error'],
  ['x509: certificate signed by unknown authority', 'registry_error'],
  ['received unexpected HTTP status: 503 Service Unavailable', 'registry_error'],
  ['write /var/lib/docker/tmp/x: no space left on device', 'disk_full'],
])('%s is %s', (message, reason) => {
  const error = pullError(IMAGE, message);
  expect(error.reason).toBe(reason);
  expect(error.message).toContain('docker.io/org/name:1');
  expect(error.message).toContain(message);
});

test('progress adds up the layers, and knows the total once it knows every layer', () => {
  const progress = new PullProgress();
  const update = (id: string, status: string, current?: unknown, total?: unknown) =>
    progress.update({ id, status, progressDetail: { current, total } });
  expect(update('1', 'Pulling from org/name')).toBe(false);
  update('aa', 'Pulling fs layer');
  update('bb', 'Pulling fs layer');
  update('cc', 'Already exists');
  update('aa', 'Downloading', 10, 100);
  expect(progress.progress).toEqual({ phase: 'pulling', bytesDone: 10, layersDone: 1, layersTotal: 3 });
  update('bb', 'Downloading', 5, 50);
  expect(progress.progress).toMatchObject({ bytesDone: 15, bytesTotal: 150 });
  update('aa', 'Download complete');
  update('aa', 'Extracting', 7, 100);
  expect(progress.progress).toMatchObject({ bytesDone: 105, bytesTotal: 150 });
  update('aa', 'Pull complete');
  expect(progress.progress).toMatchObject({ layersDone: 2 });
});

test('nonsense in progress messages is left out', () => {
  const progress = new PullProgress();
  for (const message of [{}, { id: 1, status: 'Downloading' }, { id: 'x' }, { id: 'x', status: 'Downloading', progressDetail: null }]) {
    expect(progress.update(message)).toBe(false);
  }
  progress.update({ id: 'x', status: 'Pulling fs layer' });
  progress.update({ id: 'x', status: 'Downloading', progressDetail: { current: -5, total: Number.NaN } });
  expect(progress.progress).toMatchObject({ bytesDone: 0, layersTotal: 1 });
});
