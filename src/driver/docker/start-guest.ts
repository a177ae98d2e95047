import type Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';
import type { StartRequest } from '../driver.ts';
import { type GuestInit, initGuest } from '../guest-init.ts';
import type { DockerContext } from './docker-context.ts';
import type { ImageFacts } from './image-facts.ts';
import { readLogs } from './read-logs.ts';

/** How long a guest may take to come up. It takes 50 ms; a machine on which a hundred start at a time needs more. */
const PATIENCE_MS = 30_000;
const TAIL_LINES = 20;
const TAIL_LENGTH = 1000;

/**
 * Waits for the guest of a container that runs, and initialises it. A repeated call for the same container changes nothing.
 * @throws SandglassError `entrypoint_failed` with what the guest says; `guest_unavailable`; `engine_error` when the container ends.
 */
export async function startGuest(
  context: DockerContext,
  container: Docker.Container,
  request: StartRequest,
  image: ImageFacts,
  signal: AbortSignal,
): Promise<void> {
  const door = await context.doors.open(request.sandboxId);
  const over = new AbortController();
  const ended = abortAtEnd(context, container, over.signal);
  try {
    const connection = await door.connect(AbortSignal.any([signal, ended]), PATIENCE_MS);
    await initGuest(connection, guestInit(request, image), signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SandglassError && error.reason === 'entrypoint_failed') throw error;
    throw (await earlyEnd(context, container, request, signal)) ?? error;
  } finally {
    over.abort();
  }
}

function guestInit({ spec, secretEnv }: StartRequest, { config }: ImageFacts): GuestInit {
  const { entrypoint, user = config.User || undefined, workdir = config.WorkingDir || undefined } = spec;
  return {
    env: { ...variables(config.Env ?? []), ...spec.env, ...secretEnv },
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
  };
}

function variables(assignments: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    assignments.map((assignment) => {
      const equals = assignment.indexOf('=');
      return equals < 0 ? [assignment, ''] : [assignment.slice(0, equals), assignment.slice(equals + 1)];
    }),
  );
}

/** A signal that aborts when the container ends, so that nobody waits for its guest any more. */
function abortAtEnd({ engine }: DockerContext, container: Docker.Container, over: AbortSignal): AbortSignal {
  const ended = new AbortController();
  const end = () => ended.abort(new Error('the container has ended'));
  engine.call(over, () => container.wait({ abortSignal: over })).then(end, () => {}); // unheard of, it shows as a guest that does not come
  return ended.signal;
}

/** What the container's end has to say for itself; undefined while it runs. */
async function earlyEnd(
  context: DockerContext,
  container: Docker.Container,
  { spec }: StartRequest,
  signal: AbortSignal,
): Promise<SandglassError | undefined> {
  const { State } = await context.engine.call(signal, () => container.inspect({ abortSignal: signal }));
  if (State.Running) return undefined;
  const printed: string[] = [];
  for await (const { bytes } of readLogs(context.engine, container.id, { follow: false, tail: TAIL_LINES }, signal)) {
    printed.push(Buffer.from(bytes).toString());
  }
  const tail = printed.join('\n').trim().slice(-TAIL_LENGTH);
  const message = `the sandbox ended with status ${State.ExitCode} before it was ready${tail && `, and printed: ${tail}`}`;
  return new SandglassError(spec.entrypoint === undefined ? 'engine_error' : 'entrypoint_failed', message);
}
