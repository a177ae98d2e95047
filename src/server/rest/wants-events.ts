import type { FastifyRequest } from 'fastify';
import { invalidField } from './invalid-request.ts';

/**
 * Whether a request that does something asks for an event stream instead of JSON.
 * @throws SandglassError `invalid_request` when it asks for a repeatable answer as well.
 */
export function wantsEvents({ headers }: FastifyRequest): boolean {
  const wanted = headers.accept?.split(',').some((type) => type.trim().toLowerCase().startsWith('text/event-stream')) ?? false;
  if (wanted && headers['idempotency-key'] !== undefined) {
    throw invalidField('Idempotency-Key', 'Idempotency-Key goes with the JSON answer only: a stream is not kept for a repetition');
  }
  return wanted;
}
