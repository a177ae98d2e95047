import { constants, type ServerHttp2Stream } from 'node:http2';
import { type ContextValues, createContextKey, createContextValues, type HandlerContext } from '@connectrpc/connect';

/** The connection that a call came over, for what RPC has no words for: ending it without the other side's consent. */
export interface Peer {
  /** Cancels the call. Works when the other side does not read, and when the link is dead. */
  cancelCall(): void;
  /** Destroys the whole connection, and with it every call on it. */
  disconnect(): void;
}

const NO_PEER: Peer = { cancelCall() {}, disconnect() {} };
const peerKey = createContextKey<Peer>(NO_PEER, { description: 'connection of the call' });

/** The connection of the call that `context` belongs to. */
export function peerOf(context: HandlerContext): Peer {
  return context.values.get(peerKey);
}

/** What `peerOf` finds for a call on `stream`. */
export function peerValues(stream: ServerHttp2Stream): ContextValues {
  const connection = stream.session;
  return createContextValues().set(peerKey, {
    cancelCall() {
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
      stream.destroy();
    },
    disconnect: () => connection?.destroy(),
  });
}
