import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { SandglassError } from '../../model/errors.ts';
import type { LogLine, LogsRequest } from '../../model/telemetry.ts';
import type { DockerContext } from './docker-context.ts';
import type { Engine } from './engine.ts';
import { readLogFrames } from './log-frames.ts';
import { readLogLines } from './log-lines.ts';
import { findContainer, notRunning } from './sandbox-containers.ts';

/** What the sandbox's main process has printed, also when it has ended; see `Driver.logs`. */
export async function* sandboxLogs(
  { engine, executorId }: DockerContext,
  { sandboxId, ...request }: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  try {
    const container = await findContainer(engine, executorId, sandboxId, signal);
    if (container === undefined) throw notRunning(sandboxId, 'has no container on this executor');
    yield* readLogs(engine, container.Id, request, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/**
 * The log of a container, with its lines as they come. Ends when `signal` aborts.
 * @throws SandglassError `engine_unavailable` when the connection breaks.
 */
export async function* readLogs(
  engine: Engine,
  containerId: string,
  request: Omit<LogsRequest, 'sandboxId'>,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  let stream: Readable | undefined;
  const onAbort = () => stream?.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    stream = await engine.call(signal, (docker) => openLogs(docker, containerId, request, signal));
    yield* readLogLines(readLogFrames(stream));
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof SandglassError) throw error;
    throw new SandglassError('engine_unavailable', `the connection to the container engine broke: ${String(error)}`, { cause: error });
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream?.destroy();
  }
}

/** dockerode's own `logs` holds a log in memory whole unless it is followed. */
function openLogs(
  docker: Docker,
  containerId: string,
  { follow, tail, since }: Omit<LogsRequest, 'sandboxId'>,
  signal: AbortSignal,
): Promise<Readable> {
  const options = {
    follow,
    stdout: true,
    stderr: true,
    timestamps: true,
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { since: (since / 1000).toFixed(3) }), // seconds
  };
  const call = {
    path: `/containers/${containerId}/logs?`,
    method: 'GET',
    isStream: true,
    abortSignal: signal,
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
    options,
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(call, (error: unknown, answer: unknown) => (error ? reject(error) : resolve(answer as Readable)));
  });
}
