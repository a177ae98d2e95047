import type { MessageInitShape } from '@bufbuild/protobuf';
import { compact } from '../../lib/compact.ts';
import {
  type ConnectResponse,
  Process,
  type ProcessEvent,
  type ProcessSelectorSchema,
  type StartRequestSchema,
  type StartResponse,
} from '../../rpc/gen/process/process_pb.js';
import { checkText } from './checks.ts';
import { exitCodeOf } from './exit-code.ts';
import type { GuestClient } from './guest-client.ts';
import { malformedAnswer } from './guest-errors.ts';
import type { MessageStream } from './message-stream.ts';

/** Pids are at most this on Linux. */
export const MAX_PID = 4_194_304;
/** Of a request, the offset to read from; of an answer, the one that it begins at. */
const OUTPUT_FROM_HEADER = 'sandglass-output-from';
const MAX_PROCESSES_BYTES = 4 * 1024 * 1024;

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

export interface ProcessStart {
  readonly cmd: string;
  readonly args: readonly string[];
  /** On top of what every process of the sandbox gets. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
  readonly tag?: string | undefined;
  /** False: it reads nothing. */
  readonly stdin: boolean;
  readonly pty?: TerminalSize | undefined;
  /** Killed when it runs longer, whoever is there then. */
  readonly timeoutMs?: number | undefined;
}

export interface SandboxProcess {
  readonly pid: number;
  readonly cmd: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly tag?: string;
}

/** What a process prints, in the order of each stream, then how it ended. */
export type ProcessOutput =
  | { readonly stdout: Uint8Array }
  | { readonly stderr: Uint8Array }
  | { readonly pty: Uint8Array }
  | { readonly exitCode: number };

type ProcessMessage = StartResponse | ConnectResponse;

/** A process that somebody is attached to. Closing it detaches; the process goes on. */
export class AttachedProcess {
  readonly pid: number;
  /** Where in all that it has printed `output` begins, in bytes of both streams together; undefined when the guest does not say. */
  readonly from: number | undefined;
  readonly #stream: MessageStream<ProcessMessage>;
  #ended = false;

  constructor(pid: number, stream: MessageStream<ProcessMessage>) {
    this.pid = pid;
    this.from = parseOffset(stream.headers[OUTPUT_FROM_HEADER]);
    this.#stream = stream;
  }

  /**
   * What it prints, to be read once; the process waits when nobody reads on.
   * @throws SandglassError `guest_unavailable`; `exec_timeout` when its time was up; the signal's reason.
   */
  async *output(): AsyncGenerator<ProcessOutput, void, undefined> {
    try {
      while (!this.#ended) {
        const message = await this.#stream.next();
        if (message === undefined) throw malformedAnswer('the output of a process has no end');
        const output = parseEvent(message.event);
        if (output === undefined) continue;
        if ('exitCode' in output) {
          this.#ended = true;
          void this.#stream.next().catch(() => {}); // the end of the stream, which frees its connection
        }
        yield output;
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    if (!this.#ended) this.#stream.close();
  }
}

/** Starts a process. It runs on when `signal` aborts, once it has been started. */
export async function startProcess(guest: GuestClient, start: ProcessStart, signal: AbortSignal): Promise<AttachedProcess> {
  const request: MessageInitShape<typeof StartRequestSchema> = compact({
    process: compact({ cmd: start.cmd, args: [...start.args], envs: { ...start.env }, cwd: start.cwd }),
    stdin: start.stdin,
    tag: start.tag,
    pty: start.pty && { size: start.pty },
  });
  // The protocol's header for the time limit of a call: envd takes it as that of the process.
  const headers = start.timeoutMs === undefined ? {} : { 'connect-timeout-ms': String(Math.ceil(start.timeoutMs)) };
  return attached(await guest.stream(Process.method.start, request, { signal, user: start.user, headers }));
}

/**
 * Attaches to a process, also to one that has ended unattended.
 * @param from from which byte on, of both streams together, as far as it is kept; without it, what nobody has been sent yet.
 * @throws SandglassError `process_not_found`.
 */
export async function attachProcess(
  guest: GuestClient,
  pid: number,
  from: number | undefined,
  signal: AbortSignal,
): Promise<AttachedProcess> {
  const headers = from === undefined ? {} : { [OUTPUT_FROM_HEADER]: String(from) };
  return attached(await guest.stream(Process.method.connect, { process: byPid(pid) }, { signal, headers }));
}

export async function listProcesses(guest: GuestClient, signal: AbortSignal): Promise<readonly SandboxProcess[]> {
  const { processes } = await guest.unary(Process.method.list, {}, { signal, repeatable: true, maxBytes: MAX_PROCESSES_BYTES });
  return processes.map(({ pid, config, tag }) =>
    compact({
      pid: checkPid(pid),
      cmd: checkText('cmd', config?.cmd ?? ''),
      args: (config?.args ?? []).map((arg) => checkText('args', arg)),
      cwd: config?.cwd,
      tag,
    }),
  );
}

/** Resolves once the process has room for more. It may never, when the process does not read. */
export async function sendInput(guest: GuestClient, pid: number, stdin: Uint8Array, signal: AbortSignal): Promise<void> {
  const input = { input: { case: 'stdin' as const, value: stdin } };
  await guest.unary(Process.method.sendInput, { process: byPid(pid), input }, { signal, patient: true });
}

/** Sends all of `chunks` to the process, in order and as fast as it reads. */
export async function streamInput(guest: GuestClient, pid: number, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const messages = async function* () {
    yield { event: { case: 'start' as const, value: { process: byPid(pid) } } };
    for await (const stdin of chunks) {
      yield { event: { case: 'data' as const, value: { input: { input: { case: 'stdin' as const, value: stdin } } } } };
    }
  };
  await guest.send(Process.method.streamInput, messages(), { signal });
}

export async function closeStdin(guest: GuestClient, pid: number, signal: AbortSignal): Promise<void> {
  await guest.unary(Process.method.closeStdin, { process: byPid(pid) }, { signal, repeatable: true });
}

/** Sends a signal, by its number on Linux, to the process and all of its group. */
export async function signalProcess(guest: GuestClient, pid: number, number: number, signal: AbortSignal): Promise<void> {
  await guest.unary(Process.method.sendSignal, { process: byPid(pid), signal: number }, { signal });
}

export async function resizeTerminal(guest: GuestClient, pid: number, size: TerminalSize, signal: AbortSignal): Promise<void> {
  await guest.unary(Process.method.update, { process: byPid(pid), pty: { size } }, { signal, repeatable: true });
}

async function attached(stream: MessageStream<ProcessMessage>): Promise<AttachedProcess> {
  for (;;) {
    const message = await stream.next();
    const event = message?.event?.event;
    if (event?.case === 'keepalive') continue;
    try {
      if (event?.case === 'start') return new AttachedProcess(checkPid(event.value.pid), stream);
      throw malformedAnswer('a process that did not start');
    } catch (error) {
      stream.close();
      throw error;
    }
  }
}

function parseEvent(message: ProcessEvent | undefined): ProcessOutput | undefined {
  const event = message?.event;
  if (event?.case === 'keepalive') return undefined;
  if (event?.case === 'end') return { exitCode: exitCodeOf(event.value) };
  const output = event?.case === 'data' ? event.value.output : undefined;
  if (output?.case === 'stdout') return { stdout: output.value };
  if (output?.case === 'stderr') return { stderr: output.value };
  if (output?.case === 'pty') return { pty: output.value };
  throw malformedAnswer('an event of a process that is none');
}

function parseOffset(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const offset = typeof header === 'string' && /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN;
  if (Number.isSafeInteger(offset)) return offset;
  throw malformedAnswer('an offset that is none');
}

function byPid(pid: number): MessageInitShape<typeof ProcessSelectorSchema> {
  return { selector: { case: 'pid', value: pid } };
}

function checkPid(pid: number): number {
  if (pid < 1 || pid > MAX_PID) throw malformedAnswer(`a pid of ${pid}`);
  return pid;
}
