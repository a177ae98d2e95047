import { abortable } from '../../../lib/abortable.ts';
import type { GuestClient } from '../../guests/guest-client.ts';
import { type AttachedProcess, attachProcess, type ProcessStart, signalProcess, startProcess } from '../../guests/processes.ts';
import { explainExecError } from '../exec/exec-call.ts';
import { guestOf } from '../guest-of.ts';
import { invalidField } from '../invalid-request.ts';
import { type App, answerSignal, type RestContext } from '../rest-context.ts';
import { SandboxParams } from '../schemas/common.ts';
import { SIGNALS } from '../schemas/process.ts';
import { DEFAULT_COLS, DEFAULT_ROWS, TerminalQuery } from '../schemas/terminal.ts';
import { acceptSocket } from '../socket/accept-socket.ts';
import { socketResponses } from '../socket/socket-responses.ts';
import { requireWebSocket } from '../upgrade.ts';
import { LOGIN_SHELL } from './login-shell.ts';
import { serveTerminal } from './serve-terminal.ts';

const SUBPROTOCOL = 'sandglass.terminal.v1';
/** What nearly every terminal of a client understands. */
const TERMINAL_TYPE = 'xterm-256color';

/** For what must be brought to its end, whoever has gone meanwhile. The guest's limits bound it. */
const never = new AbortController().signal;

/** Terminals in a sandbox, each in a WebSocket. */
export function terminalRoute(app: App, rest: RestContext): void {
  app.get(
    '/sandboxes/:sandbox_id/terminal',
    {
      config: { upgrades: 'websocket' },
      exposeHeadRoute: false,
      schema: {
        tags: ['processes'],
        operationId: 'openTerminal',
        summary: 'Open a terminal in a sandbox, or attach to one, in a WebSocket',
        description:
          `Subprotocol \`${SUBPROTOCOL}\`: binary messages are input and output. Texts are JSON: \`{"type":"resize","cols","rows"}\` from the ` +
          'client; `{"type":"start","pid"}`, `{"type":"exit","exit_code"}` and `{"type":"error","reason","message"}` from the server. Closed with ' +
          '1000 after `exit`, 1011 after `error`, 1008 when the client breaks the protocol. A terminal that this connection began is hung up ' +
          'with it. Browsers offer their key as a second subprotocol, `sandglass.bearer.` and the key in base64url.',
        params: SandboxParams,
        querystring: TerminalQuery,
        response: socketResponses,
      },
    },
    async (request, reply) => {
      requireWebSocket(request, reply);
      const { pid } = request.query;
      checkQuery(request.query);
      const guest = await guestOf(rest, request.params);
      const signal = answerSignal(reply, rest);
      const process = pid === undefined ? await begin(guest, request.query, signal) : await attachProcess(guest, pid, undefined, never);
      try {
        const channel = await acceptSocket(request, reply, rest, SUBPROTOCOL);
        if (channel !== undefined) await serveTerminal(channel, guest, process, rest);
      } finally {
        process.close();
        if (pid === undefined) await hangUp(guest, process.pid);
      }
      return reply;
    },
  );
}

function checkQuery({ pid, cmd, arg, user, cwd }: TerminalQuery): void {
  if (arg !== undefined && cmd === undefined) throw invalidField('arg', 'arg goes with cmd');
  if (pid === undefined) return;
  for (const [name, value] of Object.entries({ cmd, user, cwd })) {
    if (value !== undefined) throw invalidField(name, `${name} is for a terminal that begins; leave it out with pid`);
  }
}

/** Starts what the query names. When `signal` aborts meanwhile, it is hung up as soon as it runs. */
async function begin(guest: GuestClient, query: TerminalQuery, signal: AbortSignal): Promise<AttachedProcess> {
  const { cmd, arg = [], cols = DEFAULT_COLS, rows = DEFAULT_ROWS, user, cwd } = query;
  const program = cmd === undefined ? LOGIN_SHELL : { cmd, args: arg };
  const start: ProcessStart = { ...program, env: { TERM: TERMINAL_TYPE }, user, cwd, stdin: true, pty: { cols, rows } };
  const starting = startProcess(guest, start, never);
  try {
    return await abortable(starting, signal);
  } catch (error) {
    if (signal.aborted) void starting.then((late) => hangUp(guest, late.pid).finally(() => late.close())).catch(() => {});
    throw cmd === undefined ? explainExecError(error, { shell: LOGIN_SHELL.cmd }) : error;
  }
}

/** What happens to programs whose terminal goes. Never throws: when the guest is gone, so is what it ran. */
async function hangUp(guest: GuestClient, pid: number): Promise<void> {
  try {
    await signalProcess(guest, pid, SIGNALS.SIGHUP, never);
    // One that is stopped hears of it only when it goes on.
    await signalProcess(guest, pid, SIGNALS.SIGCONT, never);
  } catch {
    // It has ended.
  }
}
