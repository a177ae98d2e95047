import { createServer, type Server, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { PortConnection } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { CliError, failureOf, failureText } from '../failure.ts';
import { openSession, type Session } from '../session.ts';
import { untilStopped } from '../until-stopped.ts';

interface Forward {
  /** 0 for any that is free. */
  readonly local: number;
  readonly remote: number;
}

const EXAMPLES = `
Examples:
  sandglass port-forward sb-… 8080
  sandglass port-forward sb-… 9000:80 0:5432`;

export function addPortForward(parent: Command, cli: Cli): void {
  const command = parent
    .command('port-forward')
    .summary('make ports of a sandbox reachable on this machine')
    .description('Listen on ports of this machine, on 127.0.0.1 only, and pass connections on to ports of a sandbox, until interrupted.')
    .argument('<sandbox>', 'its id')
    .argument('<[local:]remote...>', 'ports; 0 as the local one for any that is free', collectForwards)
    .addHelpText('after', EXAMPLES);
  command.action(async (sandboxId: string, forwards: readonly Forward[]) => {
    const session = await openSession(cli, command, { sockets: true });
    const servers: Server[] = [];
    const close = async () => {
      for (const server of servers) server.close();
    };
    try {
      for (const forward of forwards) servers.push(await listen(cli, session, sandboxId, forward));
      if (session.json) cli.printJson(servers.map((server, index) => ({ address: addressOf(server), port: forwards[index]?.remote })));
      else for (const [index, server] of servers.entries()) cli.print(`${addressOf(server)} -> ${sandboxId}:${forwards[index]?.remote}`);
    } catch (thrown) {
      await close();
      throw thrown;
    }
    await untilStopped(cli, { close });
  });
}

async function listen(cli: Cli, session: Session, sandboxId: string, { local, remote }: Forward): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    forwardConnection(session, sandboxId, remote, socket).catch((thrown: unknown) => {
      socket.destroy();
      if (session.signal.aborted || isLocalReset(thrown)) return;
      const failure = failureOf(thrown);
      cli.note(failureText({ ...failure, message: `a connection to port ${remote} failed: ${failure.message}` }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(local, '127.0.0.1', resolve);
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw new CliError(`cannot listen on port ${local}: ${error.message}`);
    throw new CliError(`port ${local} of this machine is in use`, {
      hint: `choose another one: \`${local + 10_000}:${remote}\`, or \`0:${remote}\` for any`,
    });
  });
  return server;
}

/** Both directions, each until its end. */
async function forwardConnection({ sandglass, signal }: Session, sandboxId: string, port: number, socket: Socket): Promise<void> {
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  socket.once('error', () => gone.abort());
  const connection = await sandglass.ports.connect(sandboxId, port, { signal: AbortSignal.any([signal, gone.signal]) });
  try {
    await Promise.all([pipeline(fromSandbox(connection), socket), pipeline(socket, Writable.fromWeb(connection.writable as never))]);
  } finally {
    connection.close();
    socket.destroy();
  }
}

function fromSandbox(connection: PortConnection): Readable {
  return Readable.fromWeb(connection.readable as never);
}

/** Whoever connected to us has gone: nothing to tell. */
function isLocalReset(thrown: unknown): boolean {
  const { code, name } = thrown as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || name === 'AbortError';
}

function addressOf(server: Server): string {
  const address = server.address();
  return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : String(address);
}

function collectForwards(text: string, previous: readonly Forward[] = []): readonly Forward[] {
  const match = /^(?:(\d{1,5}):)?(\d{1,5})$/.exec(text);
  const remote = Number(match?.[2]);
  const local = match?.[1] === undefined ? remote : Number(match[1]);
  if (match === null || remote < 1 || remote > 65_535 || local > 65_535) {
    throw new InvalidArgumentError('Write it as 8080, or as LOCAL:REMOTE such as 9000:80.');
  }
  return [...previous, { local, remote }];
}
