import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import type { ExecRequest, RunningCommand } from '../driver.ts';
import { DockerCommand } from './docker-command.ts';
import type { DockerContext } from './docker-context.ts';
import { engineMessage, engineStatus, isNotFound } from './engine-errors.ts';
import { assertPassable, execFailure } from './exec-failure.ts';
import { startupVariables } from './guest-command.ts';
import { sandboxContainer } from './own-containers.ts';
import { notRunning, requireRunning } from './sandbox-containers.ts';

/** Runs a command in the sandbox; see `Driver.exec`. `signal` counts until the command has started. */
export async function exec(context: DockerContext, request: ExecRequest, signal: AbortSignal): Promise<RunningCommand> {
  assertPassable(request);
  const { engine, executorId, ownContainers } = context;
  const container =
    ownContainers.find(request.sandboxId) ?? sandboxContainer(await requireRunning(engine, executorId, request.sandboxId, signal));
  const image = await context.imageConfig(container.imageId, signal);
  const options: Docker.ExecCreateOptions = {
    Cmd: [...request.command],
    // What is kept from the guest is given back to every other process.
    Env: [...startupVariables(image.Env ?? []), ...Object.entries(request.env).map(([name, value]) => `${name}=${value}`)],
    User: request.user ?? image.User ?? '',
    ...(request.workdir === undefined ? {} : { WorkingDir: request.workdir }),
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
  };
  let handle: Docker.Exec;
  let socket: Duplex;
  try {
    handle = await engine.call(signal, (docker) => docker.getContainer(container.id).exec(options));
    socket = await engine.call(signal, () => handle.start({ hijack: true, stdin: true, Tty: false }));
  } catch (error) {
    if (isNotFound(error)) throw notRunning(request.sandboxId, 'has ended');
    throw engineStatus(error) === undefined ? error : execFailure(request, engineMessage(error));
  }
  const command = new DockerCommand(context, container.id, handle, socket);
  await command.started(request, signal);
  return command;
}
