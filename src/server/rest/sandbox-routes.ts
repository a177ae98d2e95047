import { compact } from '../../lib/compact.ts';
import { type Namespace, parseId, parseNamespace, type SandboxId } from '../../model/ids.ts';
import { responses } from './answers.ts';
import { parseLabelConditions } from './label-rules.ts';
import { parsePage } from './page.ts';
import { presentAccepted, presentSandbox } from './present-sandbox.ts';
import { type App, answerSignal, type RestContext } from './rest-context.ts';
import { runCommand } from './run-command.ts';
import { parseCreateSandbox } from './sandbox-request.ts';
import { IdempotencyHeaders, NamespaceParams, NoFields, NoQuery, SandboxParams, waitQuery } from './schemas/common.ts';
import { ref } from './schemas/named.ts';
import * as wire from './schemas/sandbox.ts';
import { awaitSandbox, type WaitQuery } from './wait.ts';

const tags = ['sandboxes'];
const querystring = waitQuery(wire.SANDBOX_WAITS);

/** Sandboxes: create, list, get, delete, pause, resume, and how long they run. */
export function sandboxRoutes(app: App, rest: RestContext): void {
  const { control } = rest;
  const response = responses({ 200: ref(wire.Sandbox), 202: ref(wire.SandboxAccepted) });

  const waitFor = async (ns: Namespace, id: SandboxId, query: WaitQuery, signal: AbortSignal) => {
    const { status, sandbox } = await awaitSandbox(rest, ns, id, query, signal);
    return { status, body: presentSandbox(sandbox) };
  };

  app.post(
    '/sandboxes',
    {
      schema: {
        tags,
        operationId: 'createSandbox',
        summary: 'Create a sandbox',
        description: 'From an image, the default one when none is named, or from a snapshot.',
        params: NamespaceParams,
        querystring,
        headers: IdempotencyHeaders,
        body: ref(wire.CreateSandboxBody),
        response,
      },
    },
    async (request, reply) => {
      const ns = parseNamespace(request.params.namespace);
      return runCommand({
        rest,
        request,
        reply,
        ns,
        command: async () => ({ status: 202, body: presentAccepted(await control.createSandbox(ns, parseCreateSandbox(request.body))) }),
        wait: ({ sandbox_id }, query, signal) => waitFor(ns, parseId('sandbox', sandbox_id), query, signal),
      });
    },
  );

  app.get(
    '/sandboxes',
    {
      schema: {
        tags,
        operationId: 'listSandboxes',
        summary: 'List sandboxes, newest first',
        params: NamespaceParams,
        querystring: wire.ListSandboxesQuery,
        response: responses({ 200: ref(wire.SandboxList) }),
      },
    },
    async ({ params, query }) => {
      const ns = parseNamespace(params.namespace);
      const filter = compact({ status: query.status, label: parseLabelConditions(query.label) });
      const { items, nextCursor } = await control.listSandboxes(ns, filter, parsePage(query));
      return compact({ sandboxes: items.map(presentSandbox), next_cursor: nextCursor });
    },
  );

  app.get(
    '/sandboxes/:sandbox_id',
    {
      schema: {
        tags,
        operationId: 'getSandbox',
        summary: 'Get a sandbox, or wait until it is what is asked for',
        params: SandboxParams,
        querystring,
        response,
      },
    },
    async ({ params, query }, reply) => {
      const { ns, id } = target(params);
      if (query.wait === undefined) return presentSandbox(await control.getSandbox(ns, id));
      const { status, body } = await waitFor(ns, id, query, answerSignal(reply, rest));
      return reply.status(status).send(body);
    },
  );

  app.delete(
    '/sandboxes/:sandbox_id',
    {
      schema: {
        tags,
        operationId: 'deleteSandbox',
        summary: 'End a sandbox',
        description: 'Repeated, it answers with the sandbox as it is.',
        params: SandboxParams,
        querystring,
        response,
      },
    },
    async ({ params, query }, reply) => {
      const { ns, id } = target(params);
      const sandbox = await control.deleteSandbox(ns, id);
      if (query.wait === undefined) return presentSandbox(sandbox);
      const { status, body } = await waitFor(ns, id, query, answerSignal(reply, rest));
      return reply.status(status).send(body);
    },
  );

  app.post(
    '/sandboxes/:sandbox_id/pause',
    {
      schema: {
        tags,
        operationId: 'pauseSandbox',
        summary: 'Freeze the processes of a sandbox',
        description: 'Its time stands still: it has no `expires_at` until it is resumed.',
        params: SandboxParams,
        querystring,
        headers: IdempotencyHeaders,
        body: ref(NoFields),
        response,
      },
    },
    async (request, reply) => {
      const { ns, id } = target(request.params);
      return runCommand({
        rest,
        request,
        reply,
        ns,
        command: async () => ({ status: 202, body: presentSandbox(await control.pauseSandbox(ns, id)) }),
        wait: (_accepted, query, signal) => waitFor(ns, id, query, signal),
      });
    },
  );

  app.post(
    '/sandboxes/:sandbox_id/resume',
    {
      schema: {
        tags,
        operationId: 'resumeSandbox',
        summary: 'Thaw the processes of a sandbox',
        description: 'Its timeout begins anew. A sandbox that runs already is left as it is, but for its timeout where one is given.',
        params: SandboxParams,
        querystring,
        headers: IdempotencyHeaders,
        body: ref(wire.ResumeSandboxBody),
        response,
      },
    },
    async (request, reply) => {
      const { ns, id } = target(request.params);
      const wanted = compact({ timeoutSecs: request.body.timeout_secs });
      return runCommand({
        rest,
        request,
        reply,
        ns,
        command: async () => ({ status: 202, body: presentSandbox(await control.resumeSandbox(ns, id, wanted)) }),
        wait: (_accepted, query, signal) => waitFor(ns, id, query, signal),
      });
    },
  );

  app.post(
    '/sandboxes/:sandbox_id/timeout',
    {
      schema: {
        tags,
        operationId: 'setSandboxTimeout',
        summary: 'Set how long a sandbox is to run',
        description:
          'In place of the time that it has left, and only until it is paused: `timeout_secs` of the sandbox stays as configured. Of a ' +
          'sandbox that does not run yet, or is paused, it counts from when it runs. A timeout that has passed already, and has not ' +
          'ended or paused the sandbox yet, is called off; a snapshot that it has begun is taken all the same.',
        params: SandboxParams,
        querystring: NoQuery,
        headers: IdempotencyHeaders,
        body: ref(wire.SetTimeoutBody),
        response: responses({ 200: ref(wire.Sandbox) }),
      },
    },
    async (request, reply) => {
      const { ns, id } = target(request.params);
      const { timeout_secs } = request.body;
      const command = async () => ({ status: 200, body: presentSandbox(await control.setSandboxTimeout(ns, id, timeout_secs)) });
      return runCommand({ rest, request, reply, ns, command });
    },
  );
}

function target(params: { namespace: string; sandbox_id: string }): { ns: Namespace; id: SandboxId } {
  return { ns: parseNamespace(params.namespace), id: parseId('sandbox', params.sandbox_id) };
}
