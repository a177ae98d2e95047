import { SandglassError } from '../../model/errors.ts';
import type { Metrics } from '../metrics.ts';
import { responses } from './answers.ts';
import type { App, RestContext } from './rest-context.ts';
import { NoQuery } from './schemas/common.ts';
import { ref } from './schemas/named.ts';
import { Health, Readiness, Version } from './schemas/system.ts';

export interface SystemOptions {
  readonly version: string;
  readonly metrics: Metrics;
  /** Why the rest of the program is not ready, one sentence each; empty when it is. */
  readonly notReadyBecause: () => readonly string[];
}

const tags = ['system'];

/** The server about itself: is it alive, ready, which version, and its metrics. */
export function systemRoutes(app: App, { control, closing }: RestContext, { version, metrics, notReadyBecause }: SystemOptions): void {
  app.get(
    '/health',
    { schema: { tags, operationId: 'health', summary: 'Is it alive', security: [], response: responses({ 200: ref(Health) }) } },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/version',
    { schema: { tags, operationId: 'version', summary: 'Which version', security: [], response: responses({ 200: ref(Version) }) } },
    async () => ({ name: 'sandglass' as const, version, api: 'v1' as const }),
  );

  app.get(
    '/ready',
    {
      schema: {
        tags,
        operationId: 'ready',
        summary: 'Can it serve, and if not, why not',
        querystring: NoQuery,
        response: { ...responses({ 200: ref(Readiness) }), 503: ref(Readiness) },
      },
    },
    async (_request, reply) => {
      const reasons = [...notReadyBecause(), ...(closing.aborted ? ['the server is shutting down'] : [])];
      let online: number | undefined;
      try {
        online = (await control.listExecutors()).filter(({ status }) => status === 'online').length;
      } catch (error) {
        reasons.push(`the store does not answer: ${SandglassError.from(error).message}`);
      }
      const body = { ready: reasons.length === 0, reasons, ...(online === undefined ? {} : { executors_online: online }) };
      return reply.status(body.ready ? 200 : 503).send(body);
    },
  );

  app.get(
    '/metrics',
    {
      schema: {
        tags,
        operationId: 'metrics',
        summary: 'Metrics in the text format of Prometheus',
        querystring: NoQuery,
        response: { ...responses({}), 200: { description: 'OK', content: { 'text/plain': { schema: { type: 'string' } } } } },
      },
    },
    async (_request, reply) => {
      const { contentType, text } = await metrics.render();
      return reply.type(contentType).send(text);
    },
  );
}
