import { parseId } from '../../model/ids.ts';
import { requireAdmin } from '../auth.ts';
import { responses } from './answers.ts';
import { principalOf } from './auth-hook.ts';
import { presentExecutor } from './present-executor.ts';
import type { App, RestContext } from './rest-context.ts';
import { ExecutorParams, NoFields, NoQuery } from './schemas/common.ts';
import * as wire from './schemas/executor.ts';
import { ref } from './schemas/named.ts';

const tags = ['executors'];

/** Executors: list, get, cordon, uncordon. They belong to no namespace: changing them takes an admin key. */
export function executorRoutes(app: App, { control }: RestContext): void {
  app.get(
    '/executors',
    {
      schema: {
        tags,
        operationId: 'listExecutors',
        summary: 'List executors',
        querystring: NoQuery,
        response: responses({ 200: ref(wire.ExecutorList) }),
      },
    },
    async () => ({ executors: (await control.listExecutors()).map(presentExecutor) }),
  );

  app.get(
    '/executors/:executor_id',
    {
      schema: {
        tags,
        operationId: 'getExecutor',
        summary: 'Get an executor',
        params: ExecutorParams,
        querystring: NoQuery,
        response: responses({ 200: ref(wire.Executor) }),
      },
    },
    async ({ params }) => presentExecutor(await control.getExecutor(parseId('executor', params.executor_id))),
  );

  const switches = [
    { verb: 'cordon', cordoned: true, summary: 'Give an executor no new sandboxes' },
    { verb: 'uncordon', cordoned: false, summary: 'Give an executor new sandboxes again' },
  ];
  for (const { verb, cordoned, summary } of switches) {
    app.post(
      `/executors/:executor_id/${verb}`,
      {
        schema: {
          tags,
          operationId: `${verb}Executor`,
          summary,
          params: ExecutorParams,
          querystring: NoQuery,
          body: ref(NoFields),
          response: responses({ 200: ref(wire.Executor) }),
        },
      },
      async (request) => {
        requireAdmin(principalOf(request));
        return presentExecutor(await control.setCordoned(parseId('executor', request.params.executor_id), cordoned));
      },
    );
  }
}
