import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Namespace } from '../../model/ids.ts';
import type { Answer } from './idempotency.ts';
import { answerSignal, type RestContext } from './rest-context.ts';
import type { WaitQuery } from './wait.ts';

interface CommandOptions<B> {
  readonly rest: RestContext;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly ns: Namespace;
  /** Has it done, once for each `Idempotency-Key`. */
  readonly command: () => Promise<Answer<B>>;
  /** What comes of it, for `?wait=`. */
  readonly wait?: (accepted: B, query: WaitQuery, signal: AbortSignal) => Promise<Answer<unknown>>;
}

/**
 * Answers a POST: the command is carried out, or was with the same `Idempotency-Key`; then, if asked to, waits for what comes
 * of it. The wait is apart from what is stored with the key: a client that lost its connection can go on waiting.
 */
export async function runCommand<B>({ rest, request, reply, ns, command, wait }: CommandOptions<B>): Promise<FastifyReply> {
  const key = request.headers['idempotency-key'];
  const identity = {
    namespace: ns,
    key: Array.isArray(key) ? key.join() : key,
    method: request.method,
    path: request.url.split('?', 1)[0] ?? '',
    body: request.body,
  };
  const answer = await rest.idempotency.run(identity, command);
  if (answer.replayed) reply.header('idempotency-replayed', 'true');
  const query = request.query as WaitQuery;
  const isWanted = wait !== undefined && query.wait !== undefined && answer.status < 300;
  const { status, body } = isWanted ? await wait(answer.body, query, answerSignal(reply, rest)) : answer;
  return reply.status(status).send(body);
}
