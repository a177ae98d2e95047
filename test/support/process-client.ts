import { type Client, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { Process, type ProcessEvent } from '../../src/rpc/gen/process/process_pb.js';
import type { HostGuest } from './host-guest.ts';

/** A client for the processes of a guest. */
export function processClient(guest: HostGuest, options: { readonly isJson?: boolean } = {}): Client<typeof Process> {
  const transport = createConnectTransport({
    httpVersion: '1.1',
    baseUrl: 'http://guest',
    nodeOptions: { agent: guest.agent },
    useBinaryFormat: options.isJson !== true,
  });
  return createClient(Process, transport);
}

/** What a stream of a process has told until its end. */
export interface Told {
  readonly pid: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly pty: Buffer;
  readonly exitCode: number | undefined;
  readonly status: string | undefined;
  readonly keepalives: number;
}

/** Reads a stream of a process to its end. */
export async function told(stream: AsyncIterable<{ readonly event?: ProcessEvent | undefined }>): Promise<Told> {
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[], pty: [] as Uint8Array[] };
  const told = { pid: 0, exitCode: undefined as number | undefined, status: undefined as string | undefined, keepalives: 0 };
  for await (const { event } of stream) {
    switch (event?.event.case) {
      case 'start':
        told.pid = event.event.value.pid;
        break;
      case 'data': {
        const { case: name, value } = event.event.value.output;
        if (name !== undefined) output[name].push(value);
        break;
      }
      case 'keepalive':
        told.keepalives++;
        break;
      case 'end':
        told.exitCode = event.event.value.exitCode;
        told.status = event.event.value.status;
    }
  }
  const join = (name: keyof typeof output) => Buffer.concat(output[name]);
  return { ...told, stdout: join('stdout'), stderr: join('stderr'), pty: join('pty') };
}
