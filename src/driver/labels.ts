import type { ExecutorId, Namespace, SandboxId, SnapshotId } from '../model/ids.ts';

/** All labels that Sandglass puts on what it makes in a container engine. What carries none of them is never touched. */
export const LABEL = {
  /** Id of the store that has the object's record. On everything. */
  cluster: 'dev.sandglass.cluster',
  /** Tenant. On containers and snapshot images. */
  namespace: 'dev.sandglass.namespace',
  /** Sandbox id. On containers. */
  sandbox: 'dev.sandglass.sandbox',
  /** Id of the executor that runs the sandbox. On containers; what an executor lists and stops carries its own id. */
  executor: 'dev.sandglass.executor',
  /** The image's volumes as JSON, which the container was made without. On containers of images that have some. */
  volumes: 'dev.sandglass.volumes',
  /** `true` where the sandbox has an entrypoint, which is to be asked to end before it is killed. On containers. */
  entrypoint: 'dev.sandglass.entrypoint',
  /** Snapshot id. On snapshot images, and on containers that started from one. */
  snapshot: 'dev.sandglass.snapshot',
  /** The reference that makes a snapshot image restorable. On snapshot images. */
  imageRef: 'dev.sandglass.image-ref',
  /** Id of the executor that captured the snapshot. On snapshot images. */
  capturedBy: 'dev.sandglass.captured-by',
  /** On networks. */
  network: 'dev.sandglass.network',
} as const;

export interface ContainerLabels {
  readonly clusterId: string;
  readonly namespace: Namespace;
  readonly sandboxId: SandboxId;
  readonly executorId: ExecutorId;
  readonly hasEntrypoint: boolean;
}

/** Labels of a sandbox's container. */
export function containerLabels(container: ContainerLabels): Record<string, string> {
  const { clusterId, namespace, sandboxId, executorId, hasEntrypoint } = container;
  return {
    [LABEL.cluster]: clusterId,
    [LABEL.namespace]: namespace,
    [LABEL.sandbox]: sandboxId,
    [LABEL.executor]: executorId,
    [LABEL.entrypoint]: hasEntrypoint ? 'true' : '',
  };
}

export interface SnapshotLabels {
  readonly clusterId: string;
  readonly namespace: Namespace;
  readonly snapshotId: SnapshotId;
  readonly imageRef: string;
  readonly executorId: ExecutorId;
}

/**
 * Labels of a snapshot's image. An image cannot lose labels of its container, but it can override them: those that say
 * "this is a sandbox of mine" become empty, so that a container that somebody else makes from the image is not taken for one.
 */
export function snapshotLabels({ clusterId, namespace, snapshotId, imageRef, executorId }: SnapshotLabels): Record<string, string> {
  return {
    [LABEL.cluster]: clusterId,
    [LABEL.namespace]: namespace,
    [LABEL.snapshot]: snapshotId,
    [LABEL.imageRef]: imageRef,
    [LABEL.capturedBy]: executorId,
    [LABEL.sandbox]: '',
    [LABEL.executor]: '',
    [LABEL.entrypoint]: '',
  };
}
