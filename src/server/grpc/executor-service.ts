import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import type { Clock } from '../../lib/clock.ts';
import { toConnectError } from '../../rpc/connect-errors.ts';
import type {
  ExecutorService,
  SessionRequest,
  SessionResponse,
  TunnelRequest,
  TunnelResponse,
} from '../../rpc/gen/sandglass/v1/executor_pb.js';
import { parseHello } from '../../rpc/hello.ts';
import { parseTunnelId } from '../../rpc/tunnel-target.ts';
import { peerOf } from './peer.ts';
import type { ExecutorSessions } from './sessions.ts';
import type { Tunnels } from './tunnels.ts';

export interface ExecutorServiceContext {
  readonly sessions: ExecutorSessions;
  readonly tunnels: Tunnels;
  readonly clock: Clock;
  /** How long an executor that calls may take until its first message. */
  readonly firstMessageTimeoutMs: number;
}

/** The calls that executors make. */
export function executorService(ctx: ExecutorServiceContext): ServiceImpl<typeof ExecutorService> {
  return {
    session: (requests, context) => serveSession(ctx, requests, context),
    tunnel: (requests, context) => serveTunnel(ctx, requests, context),
  };
}

async function* serveSession(
  ctx: ExecutorServiceContext,
  requests: AsyncIterable<SessionRequest>,
  context: HandlerContext,
): AsyncIterable<SessionResponse> {
  const messages = requests[Symbol.asyncIterator]();
  const { message } = await firstMessage(ctx, messages);
  if (message.case !== 'hello') throw new ConnectError('the first message of a session must be hello', Code.InvalidArgument);
  const introduction = checked(() => parseHello(message.value));
  const session = ctx.sessions.start(introduction, messages, peerOf(context));
  // Whatever becomes of this generator, which nobody resumes once its connection is gone, the session ends with the call.
  if (context.signal.aborted) session.end();
  context.signal.addEventListener('abort', () => session.end(), { once: true });
  yield* session.outgoing;
}

async function* serveTunnel(
  ctx: ExecutorServiceContext,
  requests: AsyncIterable<TunnelRequest>,
  context: HandlerContext,
): AsyncIterable<TunnelResponse> {
  const messages = requests[Symbol.asyncIterator]();
  const { message } = await firstMessage(ctx, messages);
  if (message.case !== 'tunnelId') throw new ConnectError('the first message of a tunnel must be tunnel_id', Code.InvalidArgument);
  const tunnelId = checked(() => parseTunnelId(message.value));
  const call = ctx.tunnels.take(tunnelId);
  if (call === undefined) throw new ConnectError('nobody waits for this tunnel any more', Code.NotFound);
  yield* call.open(messages, peerOf(context), context.signal);
}

async function firstMessage<T>(ctx: ExecutorServiceContext, messages: AsyncIterator<T>): Promise<T> {
  let cancel = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    cancel = ctx.clock.schedule(ctx.firstMessageTimeoutMs, () => {
      reject(new ConnectError(`no message came within ${ctx.firstMessageTimeoutMs} ms`, Code.DeadlineExceeded));
    });
  });
  try {
    const first = await Promise.race([messages.next(), late]);
    if (first.done === true) throw new ConnectError('the call ended before its first message', Code.InvalidArgument);
    return first.value;
  } finally {
    cancel();
  }
}

function checked<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw toConnectError(error);
  }
}
