import http from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { requestedUser } from '../../src/guest/account.ts';
import { SandglassError } from '../../src/model/errors.ts';
import type { ExecutorId, SandboxId } from '../../src/model/ids.ts';
import { Process, type ProcessInput, type ProcessSelector, Signal, type StartRequest } from '../../src/rpc/gen/process/process_pb.js';
import type { CommandOutput } from '../../src/server/command-runner.ts';
import type { SandboxLink } from '../../src/server/sandbox-link.ts';
import type { CommandScript } from './fake-command-runner.ts';

/** A command as the guest was asked for it. */
interface GuestCommand {
  readonly executorId: ExecutorId;
  readonly sandboxId: SandboxId;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: boolean;
  readonly workdir?: string;
  readonly user?: string;
}

interface FakeProcess {
  readonly kill: AbortController;
  readonly written: Uint8Array[];
  readonly stdin: PromiseWithResolvers<string>;
}

/** Guests of all sandboxes, over the real protocol, whose commands are scripts of the test: they begin when they are started. */
export class ScriptedGuests implements Pick<SandboxLink, 'connectGuest'> {
  readonly requests: GuestCommand[] = [];
  /** Signals of the commands, in the order of `requests`: aborted once a command has been killed. */
  readonly signals: AbortSignal[] = [];
  script: CommandScript = async function* () {
    yield { exitCode: 0 };
  };
  readonly #processes = new Map<number, FakeProcess>();

  async connectGuest(executorId: ExecutorId, sandboxId: SandboxId): Promise<Duplex> {
    const [near, far] = duplexPair();
    const routes = (router: ConnectRouter) => this.#serve(router, executorId, sandboxId);
    http.createServer({ keepAliveTimeout: 0 }, connectNodeAdapter({ routes })).emit('connection', far);
    return near;
  }

  #serve(router: ConnectRouter, executorId: ExecutorId, sandboxId: SandboxId): void {
    router.service(Process, {
      start: (request, context) => this.#start(request, context, executorId, sandboxId),
      sendInput: ({ process, input }) => this.#write(process, input),
      closeStdin: ({ process }) => {
        const { stdin, written } = this.#find(process);
        stdin.resolve(Buffer.concat(written).toString());
        return {};
      },
      sendSignal: ({ process, signal }) => {
        if (signal === Signal.SIGKILL) this.#find(process).kill.abort();
        return {};
      },
    });
  }

  async *#start({ process, stdin = true }: StartRequest, { requestHeader }: HandlerContext, executorId: ExecutorId, sandboxId: SandboxId) {
    const { cmd = '', args = [], envs = {}, cwd } = process ?? {};
    const user = requestedUser(requestHeader.get('authorization'));
    const optional = { ...(cwd === undefined ? {} : { workdir: cwd }), ...(user === undefined ? {} : { user }) };
    this.requests.push({ executorId, sandboxId, command: [cmd, ...args], env: envs, stdin, ...optional });
    const pid = this.#processes.size + 1;
    const started = { kill: new AbortController(), written: [], stdin: Promise.withResolvers<string>() };
    if (!stdin) started.stdin.resolve('');
    this.#processes.set(pid, started);
    this.signals.push(started.kill.signal);
    yield { event: { event: { case: 'start' as const, value: { pid } } } };
    try {
      for await (const output of this.script({ signal: started.kill.signal, stdin: started.stdin.promise })) yield event(output);
    } catch (thrown) {
      const { message, reason } = SandglassError.from(thrown);
      throw new ConnectError(message, Code.Unknown, { 'sandglass-reason': reason });
    }
  }

  #write(process: ProcessSelector | undefined, input: ProcessInput | undefined) {
    if (input?.input.value !== undefined) this.#find(process).written.push(input.input.value);
    return {};
  }

  #find(selector: ProcessSelector | undefined): FakeProcess {
    const found = this.#processes.get(selector?.selector.case === 'pid' ? selector.selector.value : 0);
    if (found === undefined) throw new ConnectError('no such process', Code.NotFound, { 'sandglass-reason': 'process_not_found' });
    return found;
  }
}

function event(output: CommandOutput) {
  if ('exitCode' in output) {
    const { exitCode } = output;
    return { event: { event: { case: 'end' as const, value: { exited: true, exitCode, status: `exit status ${exitCode}` } } } };
  }
  const value = 'stdout' in output ? { case: 'stdout' as const, value: output.stdout } : { case: 'stderr' as const, value: output.stderr };
  return { event: { event: { case: 'data' as const, value: { output: value } } } };
}
