import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Control } from '../../control/control.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { SandglassError } from '../../model/errors.ts';
import type { CommandRunner } from '../command-runner.ts';
import type { GuestClients } from '../guests/guest-clients.ts';
import type { SandboxLink } from '../sandbox-link.ts';
import type { Idempotency } from './idempotency.ts';

/** What routes work with. */
export interface RestContext {
  readonly control: Control;
  readonly links: SandboxLink;
  readonly guests: GuestClients;
  readonly commands: CommandRunner;
  readonly idempotency: Idempotency;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the server closes: whatever waits then answers `shutting_down`. */
  readonly closing: AbortSignal;
}

/** A fastify instance whose handlers get the types of their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Aborts when nobody waits for the answer any longer: the client has gone, or the server closes. */
export function answerSignal(reply: Pick<FastifyReply, 'raw'>, { closing }: Pick<RestContext, 'closing'>): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new SandglassError('operation_cancelled', 'the client closed the connection')));
  return AbortSignal.any([gone.signal, closing]);
}
