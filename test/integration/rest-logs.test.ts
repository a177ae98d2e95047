import { beforeEach, describe, expect, test, vi } from 'vitest';
import { SandglassError } from '../../src/model/errors.ts';
import type { LogLine } from '../../src/model/telemetry.ts';
import { HostGuestLink } from '../support/host-guest-link.ts';
import { eventsOf, RestWorld } from '../support/rest-world.ts';

let link: HostGuestLink;
let api: RestWorld;
let id: string;
beforeEach(async () => {
  link = new HostGuestLink();
  api = await RestWorld.create({ links: link });
  id = (await api.world.runningSandbox()).id;
});

const line = (text: string | Uint8Array, at = 1): LogLine => ({
  at,
  stream: 'stdout',
  bytes: typeof text === 'string' ? Buffer.from(text) : text,
});
const lines = (...texts: (string | Uint8Array)[]) => {
  link.lines = async function* () {
    yield* texts.map((text) => line(text));
  };
};
const logs = (query = '') => api.call('GET', `sandboxes/${id}/logs${query}`);

describe('the log of a sandbox', () => {
  test('is what its entrypoint printed, oldest first', async () => {
    link.lines = async function* () {
      yield { at: 1_700_000_000_000, stream: 'stdout', bytes: Buffer.from('grüße') };
      yield { at: 1_700_000_000_001, stream: 'stderr', bytes: Buffer.from('') };
    };
    const { status, body } = await logs();
    expect([status, body]).toEqual([
      200,
      {
        logs: [
          { at: 1_700_000_000_000, stream: 'stdout', message: 'grüße' },
          { at: 1_700_000_000_001, stream: 'stderr', message: '' },
        ],
        truncated: false,
      },
    ]);
    expect(link.logCalls[0]?.request).toEqual({ sandboxId: id, follow: false, tail: 1000 });
  });

  test('can be asked for in part', async () => {
    await logs('?tail=3&since=1700000000000');
    expect(link.logCalls[0]?.request).toEqual({ sandboxId: id, follow: false, tail: 3, since: 1_700_000_000_000 });
    lines('one');
    expect((await logs('?tail=0')).body.logs).toEqual([]);
  });

  test('of bytes that are no text comes with U+FFFD, or whole in base64', async () => {
    lines(Buffer.from([0x61, 0xff, 0x62]));
    expect((await logs()).body.logs[0].message).toBe('a\ufffdb');
    expect((await logs('?encoding=base64')).body.logs[0].message).toBe(Buffer.from([0x61, 0xff, 0x62]).toString('base64'));
  });

  test('is bounded in lines and bytes, whatever an executor sends', async () => {
    lines(...Array.from({ length: 50 }, (_, i) => String(i)));
    const { body } = await logs('?tail=2');
    expect([body.logs.map(({ message }: { message: string }) => message), body.truncated]).toEqual([['48', '49'], true]);
    lines(...Array.from({ length: 20 }, () => 'x'.repeat(1024 * 1024)));
    const large = (await logs()).body;
    expect([large.logs.length, large.truncated]).toEqual([8, true]);
  });

  test.each(['?tail=-1', '?tail=10001', '?tail=x', '?since=-1', '?follow=yes', '?encoding=hex', '?lines=1'])(
    '%s is refused',
    async (query) => {
      expect((await logs(query)).status).toBe(400);
      expect(link.logCalls).toHaveLength(0);
    },
  );

  test('is there while its processes are frozen, and is not once it has ended', async () => {
    lines('still here');
    await api.call('POST', `sandboxes/${id}/pause?wait=paused`);
    expect((await logs()).body.logs).toHaveLength(1);
    await api.call('DELETE', `sandboxes/${id}?wait=terminated`);
    expect((await logs()).body.error).toMatchObject({ reason: 'sandbox_not_running' });
    id = `sb-${'0'.repeat(32)}`;
    expect((await logs()).status).toBe(404);
  });

  test('of an executor that is away is refused with its reason', async () => {
    // biome-ignore lint/correctness/useYield: it fails before there is anything
    link.lines = async function* () {
      throw new SandglassError('executor_unavailable', 'the executor is not connected');
    };
    expect((await logs()).body.error.reason).toBe('executor_unavailable');
  });
});

describe('a log that is followed', () => {
  test('comes as events, as it is printed, until the sandbox ends', async () => {
    const more = Promise.withResolvers<void>();
    link.lines = async function* () {
      yield line('one');
      await more.promise;
      yield line('two', 2);
    };
    const response = await api.send('GET', `sandboxes/${id}/logs?follow=true&tail=5`);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events = eventsOf(response);
    expect((await events.next()).value).toEqual({ event: 'log', data: { at: 1, stream: 'stdout', message: 'one' } });
    more.resolve();
    expect(await Array.fromAsync(events)).toEqual([
      { event: 'log', data: { at: 2, stream: 'stdout', message: 'two' } },
      { event: 'end', data: {} },
    ]);
    expect(link.logCalls[0]?.request).toEqual({ sandboxId: id, follow: true, tail: 5 });
  });

  test('ends with an error when it breaks off', async () => {
    link.lines = async function* () {
      yield line('one');
      throw new SandglassError('executor_unavailable', 'the executor broke off');
    };
    const events = await Array.fromAsync(eventsOf(await api.send('GET', `sandboxes/${id}/logs?follow=true`)));
    expect(events.at(-1)).toMatchObject({ event: 'error', data: { error: { reason: 'executor_unavailable' } } });
  });

  test('is given up when its reader goes, and when the server closes', async () => {
    link.lines = async function* (_request, signal) {
      yield line('one');
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const abort = new AbortController();
    const first = await api.send('GET', `sandboxes/${id}/logs?follow=true`, {}, abort.signal);
    await eventsOf(first).next();
    abort.abort();
    await vi.waitFor(() => expect(link.logCalls[0]?.signal.aborted).toBe(true), { timeout: 10_000 });
    const events = eventsOf(await api.send('GET', `sandboxes/${id}/logs?follow=true`));
    await events.next();
    await api.close();
    expect((await events.next()).value).toMatchObject({ event: 'error', data: { error: { reason: 'shutting_down' } } });
  });
});

describe('what a sandbox uses', () => {
  const measured = {
    at: 1_700_000_000_000,
    cpus: 1.5,
    cpuTimeMs: 1234.5,
    cpuUsed: 0.25,
    memoryUsedBytes: 1,
    memoryLimitBytes: 2,
    memoryCacheBytes: 3,
    processes: 5,
    networkReceivedBytes: 6,
    networkSentBytes: 7,
  };

  test('is as the engine measures it', async () => {
    link.measured = { ...measured, diskUsedBytes: 4 };
    const { status, body } = await api.call('GET', `sandboxes/${id}/metrics`);
    expect([status, body]).toEqual([
      200,
      {
        at: 1_700_000_000_000,
        cpus: 1.5,
        cpu_time_ms: 1235,
        cpu_used: 0.25,
        memory_used_bytes: 1,
        memory_limit_bytes: 2,
        memory_cache_bytes: 3,
        disk_used_bytes: 4,
        processes: 5,
        network_received_bytes: 6,
        network_sent_bytes: 7,
      },
    ]);
    link.measured = measured;
    expect((await api.call('GET', `sandboxes/${id}/metrics`)).body).not.toHaveProperty('disk_used_bytes');
  });

  test('of one that has ended is refused', async () => {
    expect((await api.call('GET', `sandboxes/${id}/metrics`)).body.error.reason).toBe('sandbox_not_running');
    await api.call('DELETE', `sandboxes/${id}?wait=terminated`);
    expect((await api.call('GET', `sandboxes/${id}/metrics`)).status).toBe(409);
  });
});
