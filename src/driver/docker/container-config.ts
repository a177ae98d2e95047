import type Docker from 'dockerode';
import type { ExecutorId } from '../../model/ids.ts';
import type { StartRequest } from '../driver.ts';
import { containerLabels, LABEL } from '../labels.ts';
import { BUNDLE_TARGET, DOOR_TARGET, guestCommand, hiddenVariables } from './guest-command.ts';
import { type ImageFacts, volumesOf } from './image-facts.ts';
import type { RuntimeBundle } from './runtime-bundle.ts';

/** What a container's configuration is made of. */
export interface ContainerInput {
  readonly request: StartRequest;
  /** The image as its author configured it. */
  readonly image: ImageFacts;
  /** What the container is made from: the image's id, or that of its twin without volumes. */
  readonly imageId: string;
  readonly bundle: RuntimeBundle;
  /** Folder with the socket that the guest connects to. */
  readonly doorDirectory: string;
  readonly network: string;
  readonly executorId: ExecutorId;
  readonly pidsLimit: number;
  /** CPU cores of the host. */
  readonly hostCpus: number;
  readonly extraLabels: Readonly<Record<string, string>>;
}

/** The few capabilities that package managers, `su` and servers on low ports need; none of them reaches the host. */
const CAPABILITIES = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'NET_BIND_SERVICE', 'SYS_CHROOT'] as const;
const MEBIBYTE = 1024 * 1024;
const NANO = 1e9;

/**
 * The request for `POST /containers/create`. Nothing of the sandbox's env, secrets, entrypoint, workdir or user is in it: the
 * engine would keep it, and copy it into every snapshot.
 */
export function containerConfig(input: ContainerInput): Docker.ContainerCreateOptions {
  const { request, image, bundle } = input;
  const { spec } = request;
  const volumes = volumesOf(image.config);
  return {
    Image: input.imageId,
    Hostname: `sb-${request.sandboxId.slice(-12)}`,
    Entrypoint: guestCommand(bundle),
    Cmd: [],
    // Only where the image sets a user: what we set here, a snapshot could not set back to "none".
    ...(image.config.User ? { User: '0:0' } : {}),
    Env: hiddenVariables(image.config.Env ?? []),
    // The engine would start a command for each, also just when the sandbox is frozen; see `DockerDriver`.
    ...(image.config.Healthcheck === undefined ? {} : { Healthcheck: { Test: ['NONE'] } }),
    Labels: {
      ...containerLabels({ ...request, executorId: input.executorId, hasEntrypoint: spec.entrypoint !== undefined }),
      ...(volumes.length > 0 ? { [LABEL.volumes]: JSON.stringify(volumes) } : {}),
      ...input.extraLabels,
    },
    HostConfig: hostConfig(input),
  };
}

function hostConfig({ request: { spec }, bundle, doorDirectory, network, pidsLimit, hostCpus }: ContainerInput): Docker.HostConfig {
  const { cpus, memoryMb, diskMb } = spec.resources;
  return {
    Mounts: [
      { Type: 'bind', Source: bundle.directory, Target: BUNDLE_TARGET, ReadOnly: true },
      { Type: 'bind', Source: doorDirectory, Target: DOOR_TARGET, ReadOnly: true },
    ],
    NetworkMode: network,
    RestartPolicy: { Name: 'no' },
    ...(bundle.hasInit ? {} : { Init: true }),
    // Promised CPUs may exceed the host's, one sandbox cannot: the engine refuses it.
    NanoCpus: Math.round(Math.min(cpus, hostCpus) * NANO),
    Memory: memoryMb * MEBIBYTE,
    MemorySwap: memoryMb * MEBIBYTE, // the sum of both: no swap
    PidsLimit: pidsLimit,
    OomScoreAdj: 500, // the kernel ends a sandbox before it ends the engine or the executor
    Privileged: false,
    SecurityOpt: ['no-new-privileges'],
    CapDrop: ['ALL'],
    CapAdd: [...CAPABILITIES],
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    ...(spec.runtime === undefined ? {} : { Runtime: spec.runtime }),
    ...(diskMb === undefined ? {} : { StorageOpt: { size: `${diskMb}M` } }),
  };
}
