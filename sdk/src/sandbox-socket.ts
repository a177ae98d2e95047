import { SandglassError } from './errors.ts';
import { sandboxPath } from './paths.ts';
import type { Socket } from './socket.ts';
import type { SocketCall, Transport } from './transport.ts';
import type { Sandbox } from './types.ts';

/**
 * A WebSocket into a sandbox. Platforms hide why a server refuses one, so that a refused one is explained by asking for the sandbox.
 * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`, `unauthenticated` …; `unreachable`.
 */
export async function openSandboxSocket(
  transport: Transport,
  namespace: string,
  sandboxId: string,
  { path, ...call }: SocketCall,
): Promise<Socket> {
  const sandbox = sandboxPath(namespace, sandboxId);
  try {
    return await transport.socket({ ...call, path: sandbox + path });
  } catch (thrown) {
    if (!(thrown instanceof SandglassError) || thrown.reason !== 'unreachable') throw thrown;
    const { body } = await transport.json<Sandbox>({ method: 'GET', path: sandbox, repeatable: 'safe', signal: call.signal });
    if (body.status === 'running') throw thrown;
    const message = `sandbox ${sandboxId} is not running, it is ${body.status}`;
    throw new SandglassError('failed_precondition', 'sandbox_not_running', message);
  }
}
