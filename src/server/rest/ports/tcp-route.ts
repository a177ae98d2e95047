import type { Duplex } from 'node:stream';
import { parseId, parseNamespace } from '../../../model/ids.ts';
import { type App, answerSignal, type RestContext } from '../rest-context.ts';
import { runningSandbox } from '../running-sandbox.ts';
import { NoQuery } from '../schemas/common.ts';
import { PortParams } from '../schemas/ports.ts';
import { acceptSocket } from '../socket/accept-socket.ts';
import { CLOSE, type SocketChannel } from '../socket/socket-channel.ts';
import { socketResponses } from '../socket/socket-responses.ts';
import { requireWebSocket } from '../upgrade.ts';
import { connectPort } from './connect-port.ts';

const SUBPROTOCOL = 'sandglass.tcp.v1';

/** Raw TCP to a port in a sandbox, in a WebSocket. */
export function tcpRoute(app: App, rest: RestContext): void {
  app.get(
    '/sandboxes/:sandbox_id/tcp/:port',
    {
      config: { upgrades: 'websocket' },
      exposeHeadRoute: false,
      schema: {
        tags: ['sandboxes'],
        operationId: 'connectTcp',
        summary: 'Connect to a TCP port in a sandbox, in a WebSocket',
        description:
          `Subprotocol \`${SUBPROTOCOL}\`: binary messages are bytes, both ways, cut anywhere. The text \`{"type":"end"}\` says that no more ` +
          'will come from its side, while the other goes on. Closed with 1000 once both have ended, with 1011 when the connection broke.',
        params: PortParams,
        querystring: NoQuery,
        response: socketResponses,
      },
    },
    async (request, reply) => {
      requireWebSocket(request, reply);
      const signal = answerSignal(reply, rest);
      const place = await runningSandbox(
        rest.control,
        parseNamespace(request.params.namespace),
        parseId('sandbox', request.params.sandbox_id),
      );
      const connection = await connectPort(rest.links, { ...place, port: Number(request.params.port) }, rest.clock, signal);
      const channel = await acceptSocket(request, reply, rest, SUBPROTOCOL);
      if (channel === undefined) connection.destroy();
      else await carry(channel, connection, rest.closing);
      return reply;
    },
  );
}

/** Carries bytes both ways, until both sides have ended or one breaks. Never throws. */
async function carry(channel: SocketChannel, connection: Duplex, closing: AbortSignal): Promise<void> {
  const onGone = () => connection.destroy();
  const onClosing = () => channel.close(CLOSE.goingAway, 'the server is shutting down');
  channel.closed.addEventListener('abort', onGone, { once: true });
  closing.addEventListener('abort', onClosing, { once: true });
  if (closing.aborted) onClosing();
  const broken = new Promise<never>((_resolve, reject) => {
    const onClose = () => {
      if (!connection.readableEnded || !connection.writableFinished) reject(new Error('the connection broke'));
    };
    if (connection.closed) onClose();
    else connection.once('close', onClose);
  });
  try {
    await Promise.race([Promise.all([fromPort(connection, channel), toPort(channel, connection)]), broken]);
    channel.close(CLOSE.normal);
  } catch (error) {
    if (error instanceof ProtocolError) channel.close(CLOSE.protocolError, error.message);
    else channel.close(CLOSE.failed, 'the connection to the port broke');
  } finally {
    closing.removeEventListener('abort', onClosing);
    connection.destroy();
  }
}

/** The client does not keep to the subprotocol. */
class ProtocolError extends Error {}

async function fromPort(connection: Duplex, channel: SocketChannel): Promise<void> {
  for await (const chunk of connection.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) await channel.send(chunk);
  await channel.send({ type: 'end' });
}

/** Ends once the client says that no more will come, or closes. @throws ProtocolError */
async function toPort(channel: SocketChannel, connection: Duplex): Promise<void> {
  for await (const frame of channel.frames()) {
    if ('bytes' in frame) {
      if (!connection.write(frame.bytes)) await drained(connection);
    } else if (isEnd(frame.text)) {
      connection.end();
      return;
    } else throw new ProtocolError('a text must be {"type":"end"}; bytes go in binary messages');
  }
}

/** Resolves when more can be written, or nothing needs to be any more. */
function drained(connection: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      connection.off('drain', settle).off('close', settle);
      resolve();
    };
    connection.on('drain', settle).on('close', settle);
    if (connection.destroyed) settle();
  });
}

function isEnd(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type === 'end';
  } catch {
    return false;
  }
}
