import type { FastifyRequest } from 'fastify';
import { invalidField } from './invalid-request.ts';

/**
 * Whether a POST is to be answered with an event stream: its `Accept` says so.
 * @throws SandglassError `invalid_request` when it carries an `Idempotency-Key` too.
 */
export function wantsEvents({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  const wanted = headers.accept?.split(',').some((type) => type.trim().toLowerCase().startsWith('text/event-stream')) ?? false;
  if (wanted && headers['idempotency-key'] !== undefined) {
    throw invalidField('Idempotency-Key', 'Idempotency-Key goes with the JSON answer only: a stream is not kept for a repetition');
  }
  return wanted;
}
