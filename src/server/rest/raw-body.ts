import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';

/**
 * Has the routes of `app` take bodies of any type and size, as streams: nothing of them is parsed, or held. What a route leaves
 * unread is dropped once it has answered, so that a client that still sends sees the answer.
 */
export function acceptAnyBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request: FastifyRequest, payload: IncomingMessage, done: (error: null, body: unknown) => void) =>
    done(null, payload),
  );
  app.addHook('onResponse', async ({ raw }) => {
    raw.resume();
  });
}

/** Configuration of such routes: their bodies may take as long as they take. */
export const streamsBody = { streamsBody: true } as const;

/** A body of bytes, for the schema of a route. */
export function bytesBody(type: string, description: string) {
  return { content: { [type]: { schema: Type.Unsafe<unknown>({ description }) } } };
}
