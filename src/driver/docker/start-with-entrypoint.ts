import { createInterface } from 'node:readline';
import type { Duplex, Readable } from 'node:stream';
import type Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';
import type { StartRequest } from '../driver.ts';
import type { Engine } from './engine.ts';
import type { ImageFacts } from './image-facts.ts';
import { demultiplex } from './stream-demultiplexer.ts';

/** What the guest says on standard error; see `src/guest/main.ts`. */
const REPORT = /^sandglass: entrypoint (?:(started)|failed: (.*))$/;
/** An entrypoint that is louder than this before the report is seen has evidently started. */
const MAX_LINES_BEFORE_REPORT = 1000;

/**
 * Starts a container whose guest runs an entrypoint. The guest gets the entrypoint with its environment and secrets over
 * standard input, the one way into a container of which the engine keeps nothing. The line is on its way before the
 * container starts: should we die in between, the entrypoint still runs, or there is a container that was never started.
 * @throws SandglassError `entrypoint_failed` with what the guest says.
 */
export async function startWithEntrypoint(
  engine: Engine,
  container: Docker.Container,
  request: StartRequest,
  image: ImageFacts,
  signal: AbortSignal,
): Promise<void> {
  const attach = { hijack: true, stream: true, stdin: true, stdout: true, stderr: true };
  const socket = (await engine.call(signal, () => container.attach(attach))) as unknown as Duplex;
  const close = () => socket.destroy();
  signal.addEventListener('abort', close, { once: true });
  try {
    socket.on('error', () => {}); // it shows as an output that ends too early
    socket.end(startLine(request, image));
    const { stdout, stderr } = demultiplex(socket);
    stdout.resume();
    await engine.call(signal, () => container.start());
    await waitForReport(stderr);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}

function startLine({ spec, secretEnv }: StartRequest, image: ImageFacts): string {
  const { entrypoint, workdir, user = image.config.User || undefined } = spec;
  const env = { ...variables(image.config.Env ?? []), ...spec.env, ...secretEnv };
  return `${JSON.stringify({ entrypoint, env, workdir, user })}\n`;
}

function variables(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    assignments.map((assignment) => {
      const equals = assignment.indexOf('=');
      return equals < 0 ? [assignment, ''] : [assignment.slice(0, equals), assignment.slice(equals + 1)];
    }),
  );
}

async function waitForReport(stderr: Readable): Promise<void> {
  const lines = createInterface({ input: stderr });
  let seen = 0;
  try {
    for await (const line of lines) {
      const [match, started, failure] = REPORT.exec(line) ?? [];
      if (started !== undefined || ++seen > MAX_LINES_BEFORE_REPORT) return;
      if (match !== undefined) throw new SandglassError('entrypoint_failed', `the entrypoint cannot be started: ${failure}`);
    }
  } finally {
    lines.close();
  }
  throw new SandglassError('entrypoint_failed', 'the sandbox ended before its entrypoint was started');
}
