import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { Process, type ProcessEvent, type ProcessSelector } from '../../src/rpc/gen/process/process_pb.js';
import type { HostGuest } from './host-guest.ts';

type Events = AsyncIterable<{ readonly event?: ProcessEvent | undefined }>;

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

/** A request for a script of the shell. */
export function shell(script: string): { process: { cmd: string; args: string[] } } {
  return { process: { cmd: 'sh', args: ['-c', script] } };
}

/** Names a process by its pid. */
export function byPid(pid: number): { selector: ProcessSelector['selector'] } {
  return { selector: { case: 'pid', value: pid } };
}

/** Headers that name the user of a request. */
export function asUser(name: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Basic ${Buffer.from(`${name}:`).toString('base64')}` } };
}

/** Code and reason of the error that a call ends with. */
export async function failure(call: Promise<unknown>): Promise<{ code: string; reason: string | null; message: string }> {
  const error = await call.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  if (!(error instanceof ConnectError)) throw error;
  return { code: Code[error.code], reason: error.metadata.get('sandglass-reason'), message: error.rawMessage };
}

/** A stream of a process, read as far as a test wants. */
export class ProcessStream {
  readonly #events: AsyncIterator<{ readonly event?: ProcessEvent | undefined }>;
  pid = 0;
  stdout = Buffer.alloc(0);
  stderr = Buffer.alloc(0);
  pty = Buffer.alloc(0);
  exitCode: number | undefined;
  status: string | undefined;
  keepalives = 0;

  constructor(events: Events) {
    this.#events = events[Symbol.asyncIterator]();
  }

  /** Reads until the process has a pid. */
  static async begun(events: Events): Promise<ProcessStream> {
    const stream = new ProcessStream(events);
    return stream.until(() => stream.pid > 0);
  }

  /** Reads to the end. */
  static async told(events: Events): Promise<ProcessStream> {
    return new ProcessStream(events).until(() => false);
  }

  /** Reads until `isEnough`, or the end. */
  async until(isEnough: (stream: this) => boolean): Promise<this> {
    while (!isEnough(this)) {
      const { done, value } = await this.#events.next();
      if (done) break;
      this.#take(value.event?.event);
    }
    return this;
  }

  #take(event: ProcessEvent['event'] | undefined): void {
    switch (event?.case) {
      case 'start':
        this.pid = event.value.pid;
        break;
      case 'data': {
        const { case: name, value } = event.value.output;
        if (name !== undefined) this[name] = Buffer.concat([this[name], value]);
        break;
      }
      case 'keepalive':
        this.keepalives++;
        break;
      case 'end':
        this.exitCode = event.value.exitCode;
        this.status = event.value.status;
    }
  }
}
