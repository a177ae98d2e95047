import { Readable } from 'node:stream';
import { compact } from '../../lib/compact.ts';
import { type Namespace, parseId, parseNamespace, type SnapshotId } from '../../model/ids.ts';
import { EVENT_STREAM_HEADERS, encodeEvents } from '../events/event-stream.ts';
import { snapshotEvents } from '../events/snapshot-events.ts';
import { responses, streamResponses } from './answers.ts';
import { awaitCopies, presentRestored } from './copies.ts';
import { checkLabels, parseLabelConditions } from './label-rules.ts';
import { parsePage } from './page.ts';
import { presentAccepted } from './present-sandbox.ts';
import { presentSnapshot } from './present-snapshot.ts';
import { type App, answerSignal, type RestContext } from './rest-context.ts';
import { runCommand } from './run-command.ts';
import { parseForkSandbox, parseRestoreSnapshot } from './sandbox-request.ts';
import { IdempotencyHeaders, NamespaceParams, NoQuery, SandboxParams, SnapshotParams, waitQuery } from './schemas/common.ts';
import { ref } from './schemas/named.ts';
import { ForkAccepted, ForkSandboxBody, RestoreAccepted, SANDBOX_WAITS } from './schemas/sandbox.ts';
import * as wire from './schemas/snapshot.ts';
import { awaitSnapshot, type WaitQuery } from './wait.ts';

const tags = ['snapshots'];

/** Snapshots: create, list, get, delete, restore, fork, and their events. */
export function snapshotRoutes(app: App, rest: RestContext): void {
  const { control } = rest;

  const waitFor = async (ns: Namespace, id: SnapshotId, query: WaitQuery, signal: AbortSignal) => {
    const { status, snapshot } = await awaitSnapshot(rest, ns, id, query, signal);
    return { status, body: presentSnapshot(snapshot) };
  };

  app.post(
    '/sandboxes/:sandbox_id/snapshots',
    {
      schema: {
        tags,
        operationId: 'createSnapshot',
        summary: 'Take a snapshot of a sandbox',
        description: 'The sandbox goes on; it stands still only while its files are captured.',
        params: SandboxParams,
        querystring: waitQuery(['active']),
        headers: IdempotencyHeaders,
        body: ref(wire.CreateSnapshotBody),
        response: responses({ 200: ref(wire.Snapshot), 202: ref(wire.SnapshotAccepted) }),
      },
    },
    async (request, reply) => {
      const ns = parseNamespace(request.params.namespace);
      const sandboxId = parseId('sandbox', request.params.sandbox_id);
      const { name, labels, ttl_secs } = request.body;
      return runCommand({
        rest,
        request,
        reply,
        ns,
        command: async () => {
          const wanted = compact({ name, labels: checkLabels(labels), ttlSecs: ttl_secs });
          const { id, status } = await control.createSnapshot(ns, sandboxId, wanted);
          return { status: 202, body: { snapshot_id: id, status } };
        },
        wait: ({ snapshot_id }, query, signal) => waitFor(ns, snapshot_id, query, signal),
      });
    },
  );

  app.get(
    '/sandboxes/:sandbox_id/snapshots',
    {
      schema: {
        tags,
        operationId: 'listSandboxSnapshots',
        summary: 'List the snapshots of a sandbox, newest first',
        params: SandboxParams,
        querystring: wire.ListSandboxSnapshotsQuery,
        response: responses({ 200: ref(wire.SnapshotList) }),
      },
    },
    async ({ params, query }) => {
      const ns = parseNamespace(params.namespace);
      const { items, nextCursor } = await control.listSnapshots(ns, { sandboxId: parseId('sandbox', params.sandbox_id) }, parsePage(query));
      return compact({ snapshots: items.map(presentSnapshot), next_cursor: nextCursor });
    },
  );

  app.get(
    '/snapshots',
    {
      schema: {
        tags,
        operationId: 'listSnapshots',
        summary: 'List snapshots, newest first',
        params: NamespaceParams,
        querystring: wire.ListSnapshotsQuery,
        response: responses({ 200: ref(wire.SnapshotList) }),
      },
    },
    async ({ params, query }) => {
      const ns = parseNamespace(params.namespace);
      const filter = compact({
        status: query.status,
        name: query.name,
        label: parseLabelConditions(query.label),
        sandboxId: query.sandbox_id === undefined ? undefined : parseId('sandbox', query.sandbox_id),
      });
      const { items, nextCursor } = await control.listSnapshots(ns, filter, parsePage(query));
      return compact({ snapshots: items.map(presentSnapshot), next_cursor: nextCursor });
    },
  );

  const one = responses({ 200: ref(wire.Snapshot), 202: ref(wire.SnapshotAccepted) });

  app.get(
    '/snapshots/:snapshot_id',
    {
      schema: {
        tags,
        operationId: 'getSnapshot',
        summary: 'Get a snapshot, or wait until it is what is asked for',
        params: SnapshotParams,
        querystring: waitQuery(wire.SNAPSHOT_WAITS),
        response: one,
      },
    },
    async ({ params, query }, reply) => {
      const { ns, id } = target(params);
      if (query.wait === undefined) return presentSnapshot(await control.getSnapshot(ns, id));
      const { status, body } = await waitFor(ns, id, query, answerSignal(reply, rest));
      return reply.status(status).send(body);
    },
  );

  app.delete(
    '/snapshots/:snapshot_id',
    {
      schema: {
        tags,
        operationId: 'deleteSnapshot',
        summary: 'Delete a snapshot',
        description: 'Repeated, it answers with the snapshot as it is, until it is gone.',
        params: SnapshotParams,
        querystring: waitQuery(['gone']),
        response: one,
      },
    },
    async ({ params, query }, reply) => {
      const { ns, id } = target(params);
      const snapshot = await control.deleteSnapshot(ns, id);
      if (query.wait === undefined) return presentSnapshot(snapshot);
      const { status, body } = await waitFor(ns, id, query, answerSignal(reply, rest));
      return reply.status(status).send(body);
    },
  );

  app.post(
    '/snapshots/:snapshot_id/restore',
    {
      schema: {
        tags,
        operationId: 'restoreSnapshot',
        summary: 'Start sandboxes from a snapshot',
        description: 'What is given replaces what was recorded; env is merged with it. Secrets are to be given anew.',
        params: SnapshotParams,
        querystring: waitQuery(SANDBOX_WAITS),
        headers: IdempotencyHeaders,
        body: ref(wire.RestoreSnapshotBody),
        response: responses({ 200: ref(RestoreAccepted), 202: ref(RestoreAccepted) }),
      },
    },
    async (request, reply) => {
      const { ns, id } = target(request.params);
      const { body } = request;
      return runCommand({
        rest,
        request,
        reply,
        ns,
        command: async () => {
          const restored = await control.restoreSnapshot(ns, id, parseRestoreSnapshot(body));
          return { status: 202, body: presentRestored(restored, body.count !== undefined) };
        },
        wait: (accepted, query, signal) => awaitCopies(rest, ns, accepted, query, signal),
      });
    },
  );

  app.post(
    '/sandboxes/:sandbox_id/fork',
    {
      schema: {
        tags,
        operationId: 'forkSandbox',
        summary: 'Copy a running sandbox',
        description: 'Takes a snapshot that lives for a short while, and starts sandboxes from it.',
        params: SandboxParams,
        querystring: waitQuery(SANDBOX_WAITS),
        headers: IdempotencyHeaders,
        body: ref(ForkSandboxBody),
        response: responses({ 200: ref(ForkAccepted), 202: ref(ForkAccepted) }),
      },
    },
    async (request, reply) => {
      const ns = parseNamespace(request.params.namespace);
      const sandboxId = parseId('sandbox', request.params.sandbox_id);
      return runCommand({
        rest,
        request,
        reply,
        ns,
        command: async () => {
          const { snapshotId, sandboxes } = await control.forkSandbox(ns, sandboxId, parseForkSandbox(request.body));
          return { status: 202, body: { snapshot_id: snapshotId, sandboxes: sandboxes.map(presentAccepted) } };
        },
        wait: (accepted, query, signal) => awaitCopies(rest, ns, accepted, query, signal),
      });
    },
  );

  app.get(
    '/snapshots/:snapshot_id/events',
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        operationId: 'watchSnapshot',
        summary: 'Every status change and progress step of a snapshot, as server-sent events',
        description:
          'Events `snapshot` with the whole snapshot and its revision as id, until it is active or failed; `gone` when it was deleted.',
        params: SnapshotParams,
        querystring: NoQuery,
        response: streamResponses(),
      },
    },
    async ({ params }, reply) => {
      const { ns, id } = target(params);
      await control.getSnapshot(ns, id);
      const events = snapshotEvents(control, ns, id, answerSignal(reply, rest));
      return reply.headers(EVENT_STREAM_HEADERS).send(Readable.from(encodeEvents(events, rest.clock), { objectMode: false }));
    },
  );
}

function target(params: { namespace: string; snapshot_id: string }): { ns: Namespace; id: SnapshotId } {
  return { ns: parseNamespace(params.namespace), id: parseId('snapshot', params.snapshot_id) };
}
