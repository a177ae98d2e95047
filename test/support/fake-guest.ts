import { createServer, type Server } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { FakeContainer } from '../../src/driver/fake-engine.ts';
import {
  Process,
  type ProcessConfig,
  type ProcessInput,
  type ProcessSelector,
  Signal,
  type StartRequest,
} from '../../src/rpc/gen/process/process_pb.js';
import { FAKE_COMMANDS, type FakeCommand } from './fake-commands.ts';
import { RunningFake } from './fake-process.ts';

/** Events as plain objects, which the router completes. */
type EventInit = { readonly event: { readonly event: PartialEvent } };
type PartialEvent =
  | { readonly case: 'start'; readonly value: { readonly pid: number } }
  | { readonly case: 'data'; readonly value: { readonly output: { readonly case: 'stdout' | 'stderr'; readonly value: Uint8Array } } }
  | { readonly case: 'end'; readonly value: { readonly exitCode: number; readonly exited: boolean; readonly status: string } };

/**
 * Guests for a `FakeDriver`: each speaks the process part of the envd protocol over connections in memory, and runs commands that
 * are functions here.
 * @param commands programs on top of `FAKE_COMMANDS`.
 */
export function fakeGuests(commands: Readonly<Record<string, FakeCommand>> = {}): (container: FakeContainer) => Duplex {
  const guests = new WeakMap<FakeContainer, FakeGuest>();
  return (container) => {
    const guest = guests.get(container) ?? new FakeGuest(container, { ...FAKE_COMMANDS, ...commands });
    guests.set(container, guest);
    return guest.connect();
  };
}

class FakeGuest {
  readonly #container: FakeContainer;
  readonly #commands: Readonly<Record<string, FakeCommand>>;
  readonly #processes = new Map<number, RunningFake>();
  readonly #server: Server;
  #lastPid = 100;

  constructor(container: FakeContainer, commands: Readonly<Record<string, FakeCommand>>) {
    this.#container = container;
    this.#commands = commands;
    this.#server = createServer(connectNodeAdapter({ routes: (router) => this.#routes(router) }));
    Object.assign(this.#server, { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  }

  connect(): Duplex {
    const [near, far] = duplexPair();
    const end = () => far.destroy();
    this.#container.ended.signal.addEventListener('abort', end, { once: true });
    far.once('close', () => {
      this.#container.ended.signal.removeEventListener('abort', end);
      near.destroy(); // a pair does not tell one half that the other was destroyed
    });
    near.once('close', end);
    far.on('error', () => {});
    this.#server.emit('connection', far);
    return near;
  }

  #routes(router: ConnectRouter): void {
    const find = (selector: ProcessSelector | undefined) => this.#find(selector);
    router.service(Process, {
      list: () => ({
        processes: [...this.#processes.values()].filter(({ ended }) => !ended).map(({ pid, request }) => processInfo(pid, request)),
      }),
      start: (request, context) => this.#start(request, context),
      connect: ({ process }, context) => follow(find(process), context),
      update: () => ({}),
      async streamInput(requests) {
        let running: RunningFake | undefined;
        for await (const { event } of requests) {
          if (event.case === 'start') running = find(event.value.process);
          if (event.case === 'data' && running !== undefined) await feed(running, event.value.input);
        }
        return {};
      },
      async sendInput({ process, input }) {
        await feed(find(process), input);
        return {};
      },
      sendSignal({ process, signal }) {
        const running = find(process);
        if (signal === Signal.SIGKILL || signal === Signal.SIGTERM) running.kill();
        return {};
      },
      closeStdin({ process }) {
        find(process).stdin.end();
        return {};
      },
    });
  }

  #start({ process, tag, stdin }: StartRequest, context: HandlerContext): AsyncGenerator<EventInit> {
    const { cmd = '', args = [], envs = {} } = (process ?? {}) as Partial<ProcessConfig>;
    const command = Object.hasOwn(this.#commands, cmd) ? this.#commands[cmd] : undefined;
    if (command === undefined) {
      throw refusal(Code.InvalidArgument, 'command_not_found', `there is no command ${JSON.stringify(cmd)} in the sandbox`);
    }
    const { spec, secretEnv } = this.#container.request;
    const env = { ...spec.env, ...secretEnv, ...envs };
    const request = { cmd, args, env, ...(tag === undefined ? {} : { tag }) };
    this.#lastPid += 1;
    const running = new RunningFake(this.#lastPid, request, command, this.#container);
    this.#processes.set(running.pid, running);
    if (stdin === false) running.stdin.end();
    return follow(running, context);
  }

  #find(selector: ProcessSelector | undefined): RunningFake {
    const { case: kind, value } = selector?.selector ?? {};
    const found =
      kind === 'pid' ? this.#processes.get(value as number) : [...this.#processes.values()].find(({ request }) => request.tag === value);
    if (kind === undefined || found === undefined) throw refusal(Code.NotFound, 'process_not_found', 'there is no such process');
    return found;
  }
}

/** The events of a process from here on. Its life is limited by the deadline of the call, not by whoever listens. */
async function* follow(running: RunningFake, { signal }: HandlerContext): AsyncGenerator<EventInit> {
  const onAbort = () => {
    if (signal.reason instanceof ConnectError && signal.reason.code === Code.DeadlineExceeded) running.kill();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  yield event({ case: 'start', value: { pid: running.pid } });
  for await (const { stream, bytes } of running.output(signal)) {
    yield event({ case: 'data', value: { output: { case: stream, value: bytes } } });
  }
  signal.throwIfAborted();
  const end = await running.end;
  if (end === 'killed') yield event({ case: 'end', value: { exitCode: -1, exited: false, status: 'signal: killed' } });
  else yield event({ case: 'end', value: { exitCode: end.exitCode, exited: true, status: `exit status ${end.exitCode}` } });
}

function event(value: PartialEvent): EventInit {
  return { event: { event: value } };
}

async function feed({ stdin }: RunningFake, input: ProcessInput | undefined): Promise<void> {
  const bytes = input?.input.value;
  if (bytes === undefined || !stdin.writable || stdin.write(bytes)) return;
  await new Promise<void>((resolve) => {
    stdin.once('drain', resolve).once('close', resolve);
  });
}

function processInfo(pid: number, { cmd, args, env, tag }: RunningFake['request']) {
  return { pid, config: { cmd, args: [...args], envs: { ...env } }, ...(tag === undefined ? {} : { tag }) };
}

function refusal(code: Code, reason: string, message: string): ConnectError {
  return new ConnectError(message, code, { 'sandglass-reason': reason });
}
