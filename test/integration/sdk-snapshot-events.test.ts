import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Sandglass, type Snapshot, type SnapshotStatus } from '../../sdk/src/index.ts';
import { apiSnapshot, SNAPSHOT_ID } from '../support/api-objects.ts';
import { FakeApi, type Route } from '../support/fake-api.ts';

const SNAPSHOT = `/v1/namespaces/default/snapshots/${SNAPSHOT_ID}`;
const EVENTS = `GET ${SNAPSHOT}/events`;

let api: FakeApi;
let sandglass: Sandglass;
beforeEach(async () => {
  api = await FakeApi.start();
  sandglass = new Sandglass({ url: api.url, retry: { baseMs: 1 } });
});
afterEach(() => api.close());

/** A connection that brings the given revisions and statuses, and then ends or breaks. */
function connection(events: [revision: string, status: SnapshotStatus][], how: 'end' | 'hangUp' = 'end'): Route {
  return (_request, reply) => {
    const stream = reply.stream();
    for (const [revision, status] of events) stream.event('snapshot', apiSnapshot({ status }), revision);
    stream[how]();
  };
}

const notFound: Route = (_request, reply) => reply.error(404, 'not_found', 'snapshot_not_found', 'no such snapshot');
const gone: Route = (_request, reply) => {
  const stream = reply.stream();
  stream.event('gone', {});
  stream.end();
};

async function statuses(): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of sandglass.snapshots.events(SNAPSHOT_ID)) {
    seen.push(event.type === 'gone' ? 'gone' : `${event.revision}:${event.snapshot.status}`);
  }
  return seen;
}

describe('snapshots.events', () => {
  test('yields every change, and ends after the last', async () => {
    api.on(
      EVENTS,
      connection([
        ['1', 'creating'],
        ['2', 'uploading'],
        ['3', 'active'],
      ]),
    );
    expect(await statuses()).toEqual(['1:creating', '2:uploading', '3:active']);
    expect(api.requests).toHaveLength(1);
  });

  test('goes on over broken connections, from where it was, and shows nothing twice', async () => {
    api.on(
      EVENTS,
      connection([['1', 'creating']]),
      connection(
        [
          ['1', 'creating'],
          ['2', 'uploading'],
        ],
        'hangUp',
      ),
      (_request, reply) => reply.error(503, 'unavailable', 'shutting_down', 'restarting'),
      connection([
        ['2', 'uploading'],
        ['3', 'failed'],
      ]),
    );
    expect(await statuses()).toEqual(['1:creating', '2:uploading', '3:failed']);
    expect(api.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1', '2', '2']);
  });

  test('ends with gone, whether the server says so or has forgotten it when asked again', async () => {
    api.on(EVENTS, gone);
    expect(await statuses()).toEqual(['gone']);
    api.on(EVENTS, connection([['1', 'deleting']]), notFound);
    expect(await statuses()).toEqual(['1:deleting', 'gone']);
  });

  test('goes on after the server has said that it restarts, and throws what else it says', async () => {
    const failing =
      (code: string, reason: string): Route =>
      (_request, reply) => {
        const stream = reply.stream();
        stream.event('snapshot', apiSnapshot({ status: 'creating' }), '1');
        stream.event('error', { error: { code, reason, message: 'message' } });
        stream.end();
      };
    api.on(EVENTS, failing('unavailable', 'shutting_down'), connection([['2', 'active']]));
    expect(await statuses()).toEqual(['1:creating', '2:active']);
    api.on(EVENTS, failing('internal', 'internal'));
    await expect(statuses()).rejects.toMatchObject({ reason: 'internal', message: 'message' });
  });

  test('throws for a snapshot that there never was', async () => {
    api.on(EVENTS, notFound);
    await expect(statuses()).rejects.toMatchObject({ reason: 'snapshot_not_found' });
  });

  test('closes the connection when the loop is left', async () => {
    const closed = Promise.withResolvers<void>();
    api.on(EVENTS, (_request, reply) => {
      const stream = reply.stream();
      stream.event('snapshot', apiSnapshot({ status: 'creating' }), '1');
      void stream.closed.then(closed.resolve);
    });
    for await (const _event of sandglass.snapshots.events(SNAPSHOT_ID)) break;
    await closed.promise;
  });
});

describe('snapshots.waitUntilActive', () => {
  const wait = (options = {}) => sandglass.snapshots.waitUntilActive(SNAPSHOT_ID, options);

  test('reports each step and resolves with the active snapshot', async () => {
    const steps: string[] = [];
    api.on(EVENTS, connection([['1', 'creating']]), connection([['2', 'active']]));
    const snapshot = await wait({ onProgress: ({ status }: Snapshot) => steps.push(status) });
    expect(snapshot).toEqual(apiSnapshot({ status: 'active' }));
    expect(steps).toEqual(['creating', 'active']);
  });

  test("throws the snapshot's own error when it failed", async () => {
    const error = { code: 'resource_exhausted', reason: 'disk_full', message: 'no space left', attempts: 3 };
    const failed = apiSnapshot({ status: 'failed', error });
    api.on(EVENTS, (_request, reply) => {
      const stream = reply.stream();
      stream.event('snapshot', failed, '1');
      stream.end();
    });
    await expect(wait()).rejects.toMatchObject({
      code: 'resource_exhausted',
      reason: 'disk_full',
      message: `snapshot ${SNAPSHOT_ID} failed: no space left`,
      details: { snapshot: failed },
    });
  });

  test.each([
    ['gone', gone],
    ['deleting', connection([['1', 'deleting']])],
    ['unknown', notFound],
  ])('throws not found when it is %s', async (_name, route) => {
    api.on(EVENTS, route);
    await expect(wait()).rejects.toMatchObject({ reason: 'snapshot_not_found' });
  });

  test.each<[string, Route]>([
    ['refused', (_request, reply) => reply.text(406, 'no streams here')],
    ['not an event stream', (_request, reply) => reply.json(200, {})],
    ['unknown to the server', (_request, reply) => reply.error(404, 'not_found', 'route_not_found', 'no route')],
  ])('asks for the snapshot instead where events are %s', async (_name, route) => {
    api.on(EVENTS, route);
    api.on(`GET ${SNAPSHOT}`, (_request, reply) => reply.json(200, apiSnapshot({ status: 'active' })));
    expect((await wait()).status).toBe('active');
  });

  test('asks again and again until it is active', async () => {
    const poll =
      (status: SnapshotStatus): Route =>
      (_request, reply) =>
        reply.json(200, apiSnapshot({ status }));
    api.on(`GET ${SNAPSHOT}`, poll('creating'), poll('active'));
    expect((await wait()).status).toBe('active');
    expect(api.requestsOf(`GET ${SNAPSHOT}`)).toHaveLength(2);
  });

  test('ends after its time, and with the reason of its signal', async () => {
    api.on(EVENTS, (_request, reply) => reply.stream().event('snapshot', apiSnapshot({ status: 'creating' }), '1'));
    await expect(wait({ timeoutMs: 20 })).rejects.toMatchObject({ reason: 'wait_timed_out' });
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    await expect(wait({ signal: controller.signal, onProgress })).rejects.toThrow('enough');
  });
});

describe('snapshots.waitUntilGone', () => {
  const wait = () => sandglass.snapshots.waitUntilGone(SNAPSHOT_ID);

  test('resolves when it is gone, or was already', async () => {
    api.on(EVENTS, connection([['1', 'deleting']]), gone);
    await wait();
    api.on(EVENTS, notFound);
    await wait();
  });

  test('does not wait for a snapshot that nobody deletes', async () => {
    api.on(EVENTS, connection([['1', 'active']]));
    await expect(wait()).rejects.toMatchObject({ reason: 'snapshot_not_deleted' });
  });
});
