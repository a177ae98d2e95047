import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { Process, ProcessInput, ProcessSelector, PTY, StartRequest } from '../../rpc/gen/process/process_pb.js';
import { requestedUser } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { SettingsHolder } from '../settings.ts';
import type { LaunchRequest, TerminalSize } from './launch-plan.ts';
import { processEvents } from './process-events.ts';
import type { ProcessName, ProcessRegistry, RegisteredProcess } from './process-registry.ts';
import { MAX_SIGNAL } from './signals.ts';

/** Header of a request to attach: the offset to read from; of each answer: the offset of the first byte that follows. */
export const OUTPUT_FROM_HEADER = 'sandglass-output-from';
const KEEPALIVE_HEADER = 'keepalive-ping-interval';
const DEFAULT_KEEPALIVE_SECS = 90;
/** Longest time that a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
const MAX_SIZE = 65_535;

/** The `Process` service of envd over the processes of `registry`. */
export function processService(registry: ProcessRegistry, settings: SettingsHolder): ServiceImpl<typeof Process> {
  const select = (selector: ProcessSelector | undefined) => registry.find(nameOf(selector));

  async function* follow(entry: RegisteredProcess, from: number | undefined, context: HandlerContext) {
    const { process } = entry;
    const reader = process.log.read(from);
    context.responseHeader.set(OUTPUT_FROM_HEADER, `${reader.position}`);
    const options = { keepaliveMs: keepaliveMs(context.requestHeader), signal: context.signal };
    for await (const event of processEvents(process, reader, options)) {
      yield { event };
      if (event.event.case === 'end') registry.endTold(entry);
    }
  }

  return {
    list: () => ({
      processes: registry.list().map(({ process, request: { cmd, args, env, cwd }, tag }) => ({
        pid: process.pid,
        config: { cmd, args: [...args], envs: { ...env }, ...(cwd === undefined ? {} : { cwd }) },
        ...(tag === undefined ? {} : { tag }),
      })),
    }),

    async *start(request, context) {
      const timeoutMs = context.timeoutMs();
      const entry = await registry.start(launchRequest(request, context), settings.current, request.tag);
      if (timeoutMs !== undefined) entry.process.limit(timeoutMs);
      yield* follow(entry, 0, context);
    },

    async *connect(request, context) {
      yield* follow(select(request.process), outputFrom(context.requestHeader), context);
    },

    update(request) {
      const { process } = select(request.process);
      if (request.pty?.size !== undefined) process.resize(sizeOf(request.pty));
      return {};
    },

    async sendInput(request) {
      await write(select(request.process), request.input);
      return {};
    },

    async streamInput(requests) {
      let entry: RegisteredProcess | undefined;
      for await (const { event } of requests) {
        if (event.case === 'start') entry = select(event.value.process);
        else if (event.case === 'data') {
          if (entry === undefined) throw new GuestError('invalid_request', 'the first message has to be `start`');
          await write(entry, event.value.input);
        }
      }
      return {};
    },

    sendSignal(request) {
      const { process } = select(request.process);
      const { signal } = request;
      if (!Number.isInteger(signal) || signal < 1 || signal > MAX_SIGNAL) {
        throw new GuestError('invalid_request', `${signal} is no signal; it has to be from 1 to ${MAX_SIGNAL}`);
      }
      process.kill(signal);
      return {};
    },

    closeStdin(request) {
      select(request.process).process.closeInput();
      return {};
    },
  };
}

function launchRequest(request: StartRequest, { requestHeader }: HandlerContext): LaunchRequest {
  const { process, pty, stdin } = request;
  if (process === undefined) throw new GuestError('invalid_request', '`process` is missing');
  return {
    cmd: process.cmd,
    args: process.args,
    env: process.envs,
    cwd: process.cwd,
    user: requestedUser(requestHeader.get('authorization')),
    hasInput: stdin ?? true,
    terminal: pty === undefined ? undefined : sizeOf(pty),
  };
}

function nameOf(selector: ProcessSelector | undefined): ProcessName {
  switch (selector?.selector.case) {
    case 'pid':
      return { pid: selector.selector.value };
    case 'tag':
      return { tag: selector.selector.value };
    default:
      throw new GuestError('invalid_request', '`process` has to name a process, by `pid` or `tag`');
  }
}

/** Both kinds of input mean the one that the process has. */
async function write({ process }: RegisteredProcess, input: ProcessInput | undefined): Promise<void> {
  const bytes = input?.input.value;
  if (bytes === undefined) throw new GuestError('invalid_request', '`input` is missing');
  await process.write(bytes);
}

function sizeOf({ size }: PTY): TerminalSize {
  const { cols, rows } = size ?? DEFAULT_SIZE;
  if (cols > MAX_SIZE || rows > MAX_SIZE) {
    throw new GuestError('invalid_request', `a terminal has at most ${MAX_SIZE} columns and rows`);
  }
  return { cols: cols || DEFAULT_SIZE.cols, rows: rows || DEFAULT_SIZE.rows };
}

function outputFrom(headers: Headers): number | undefined {
  const text = headers.get(OUTPUT_FROM_HEADER);
  if (text === null) return undefined;
  const offset = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(offset)) return offset;
  throw new GuestError('invalid_request', `${OUTPUT_FROM_HEADER} has to be an offset in bytes`);
}

function keepaliveMs(headers: Headers): number {
  const seconds = Number(headers.get(KEEPALIVE_HEADER));
  return Math.min((seconds > 0 ? seconds : DEFAULT_KEEPALIVE_SECS) * 1000, MAX_TIMER_MS);
}
