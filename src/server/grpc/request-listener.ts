import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { Logger } from '../../lib/logger.ts';
import { peerValues } from './peer.ts';

/**
 * Serves the calls of `router` on Node's HTTP/2 server. Unlike connect-node's own adapter it gives handlers their
 * connection (`peerOf`), logs where everything else logs, and outlives headers that make no URL, which the adapter throws
 * out of the event.
 */
export function requestListener(router: ConnectRouter, log: Logger): (request: Http2ServerRequest, response: Http2ServerResponse) => void {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const handler = handlers.get(request.url);
    if (handler === undefined) {
      response.writeHead(404).end();
      return;
    }
    serve(handler, request, response).catch((error: unknown) => {
      // A call that ends because its connection did is not worth a line; its session says so.
      const { code } = ConnectError.from(error);
      if (code === Code.Aborted || code === Code.Canceled || request.stream.destroyed) return;
      log.warn({ call: handler.method.name, err: error }, 'a call of an executor failed');
      request.stream.destroy();
    });
  };
}

async function serve(handler: UniversalHandler, request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
  const call = universalRequestFromNodeRequest(request, response, undefined, peerValues(request.stream));
  await universalResponseToNodeResponse(await handler(call), response);
}
