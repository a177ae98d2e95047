import http from 'node:http';
import type { Duplex } from 'node:stream';
import { abortable } from '../../../lib/abortable.ts';
import type { Clock } from '../../../lib/clock.ts';
import { SandglassError } from '../../../model/errors.ts';
import type { ExecutorId, SandboxId } from '../../../model/ids.ts';
import type { SandboxLink } from '../../sandbox-link.ts';

/** A port in a sandbox that runs. */
export interface PortTarget {
  readonly executorId: ExecutorId;
  readonly sandboxId: SandboxId;
  readonly port: number;
}

/** How long the guest has to say whether something listens on the port. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Most bytes of its answer's head. */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * A TCP connection to a port of the sandbox, through its guest. It belongs to the caller, who closes it.
 * @throws SandglassError `port_unreachable` when nothing listens, `guest_unavailable`, and what the link throws; the signal's reason.
 */
export async function connectPort(links: SandboxLink, target: PortTarget, clock: Clock, signal: AbortSignal): Promise<Duplex> {
  const connecting = links.connectGuest(target.executorId, target.sandboxId, signal);
  const connection = await abortable(connecting, signal).catch((error: unknown) => {
    connecting.then(
      (late) => late.destroy(),
      () => {},
    );
    throw error;
  });
  // Whoever holds it hears of its end by `close`.
  connection.on('error', () => {});
  const timeout = new AbortController();
  const cancelTimer = clock.schedule(ANSWER_TIMEOUT_MS, () => timeout.abort(unreachable(target, 'does not answer within 10 s')));
  try {
    return await abortable(openTunnel(connection, target), AbortSignal.any([timeout.signal, signal]));
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    cancelTimer();
  }
}

function openTunnel(connection: Duplex, target: PortTarget): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const path = `127.0.0.1:${target.port}`;
  const request = http.request({
    method: 'CONNECT',
    path,
    headers: { host: path },
    createConnection: () => connection,
    maxHeaderSize: MAX_HEAD_BYTES,
  });
  const broken = (cause?: unknown) => {
    const message = `the guest of sandbox ${target.sandboxId} broke off before port ${target.port} was reached; try again`;
    reject(new SandglassError('guest_unavailable', message, { cause }));
  };
  request.once('connect', (response, _socket, head) => {
    if (response.statusCode === 502) reject(unreachable(target, 'is not listened on'));
    else if (response.statusCode !== 200) broken(new Error(`the guest answered ${response.statusCode}`));
    else {
      if (head.length > 0) connection.unshift(head);
      resolve(connection);
    }
  });
  request
    .once('response', () => broken())
    .on('error', broken)
    .once('close', broken)
    .end();
  return promise;
}

function unreachable({ sandboxId, port }: PortTarget, what: string): SandglassError {
  return new SandglassError(
    'port_unreachable',
    `port ${port} of sandbox ${sandboxId} ${what}; start a server on it there, on 127.0.0.1 or 0.0.0.0, and try again`,
    { details: { port } },
  );
}
