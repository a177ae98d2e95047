import { SandglassError } from '../../../model/errors.ts';
import type { GuestClient } from '../../guests/guest-client.ts';
import { type AttachedProcess, resizeTerminal, sendInput } from '../../guests/processes.ts';
import type { RestContext } from '../rest-context.ts';
import { CLOSE, type SocketChannel } from '../socket/socket-channel.ts';
import { ProtocolError, parseResize } from './terminal-control.ts';

/**
 * Carries a terminal between a process and a client, until the process ends or the client goes. Neither gets more than it
 * takes. Never throws.
 */
export async function serveTerminal(
  channel: SocketChannel,
  guest: GuestClient,
  process: AttachedProcess,
  { closing, log }: Pick<RestContext, 'closing' | 'log'>,
): Promise<void> {
  const onClosing = () => channel.close(CLOSE.goingAway, 'the server is shutting down');
  closing.addEventListener('abort', onClosing, { once: true });
  if (closing.aborted) onClosing();
  const detach = () => process.close();
  channel.closed.addEventListener('abort', detach, { once: true });
  try {
    await channel.send({ type: 'start', pid: process.pid });
    await Promise.race([sendOutput(channel, process), takeInput(channel, guest, process.pid)]);
    channel.close(CLOSE.normal);
  } catch (thrown) {
    if (thrown instanceof ProtocolError) channel.close(CLOSE.protocolError, thrown.message);
    else {
      const error = SandglassError.from(thrown);
      if (error.reason === 'internal') log.error({ err: error.cause }, 'terminal failed');
      await channel.send({ type: 'error', reason: error.reason, message: error.message });
      channel.close(CLOSE.failed, error.reason);
    }
  } finally {
    closing.removeEventListener('abort', onClosing);
    detach();
  }
}

async function sendOutput(channel: SocketChannel, process: AttachedProcess): Promise<void> {
  for await (const output of process.output()) {
    if ('pty' in output) await channel.send(output.pty);
    else if ('exitCode' in output) await channel.send({ type: 'exit', exit_code: output.exitCode });
    else
      throw new SandglassError('invalid_request', `process ${process.pid} has no terminal; attach to it with GET …/processes/PID/output`);
  }
}

/** Settles when the connection closes. @throws ProtocolError */
async function takeInput(channel: SocketChannel, guest: GuestClient, pid: number): Promise<void> {
  for await (const frame of channel.frames()) {
    try {
      if ('bytes' in frame) await sendInput(guest, pid, frame.bytes, channel.closed);
      else await resizeTerminal(guest, pid, parseResize(frame.text), channel.closed);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      // The process has ended, or its sandbox: its output tells which.
    }
  }
}
