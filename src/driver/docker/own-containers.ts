import type Docker from 'dockerode';
import type { SandboxId, SnapshotId } from '../../model/ids.ts';
import { LABEL } from '../labels.ts';

/** What never changes about a sandbox's container. */
export interface SandboxContainer {
  readonly id: string;
  /** What it was made from: the image, or its twin without volumes. */
  readonly imageId: string;
  /** What the original image declares, and the container was made without. */
  readonly volumes: readonly string[];
}

/** The container as the engine describes it. */
export function sandboxContainer({ Id, Image, Config }: Docker.ContainerInspectInfo): SandboxContainer {
  return { id: Id, imageId: Image, volumes: JSON.parse(Config.Labels[LABEL.volumes] || '[]') as string[] };
}

/**
 * The containers that this process has started, from then until it stops them. The engine need not be asked about them before a
 * capture, which saves a user 2 ms: nobody else can have captured them.
 */
export class OwnContainers {
  readonly #containers = new Map<SandboxId, SandboxContainer & { readonly captures: Set<SnapshotId> }>();

  started(sandboxId: SandboxId, container: SandboxContainer): void {
    this.#containers.set(sandboxId, { ...container, captures: new Set() });
  }

  /** It is being stopped, or is not what it was thought to be. */
  forget(sandboxId: SandboxId): void {
    this.#containers.delete(sandboxId);
  }

  /** The container for a capture that is tried for the first time. Before it is tried again, the engine is to be asked what there is. */
  findForCapture(sandboxId: SandboxId, snapshotId: SnapshotId): SandboxContainer | undefined {
    const container = this.#containers.get(sandboxId);
    if (container === undefined || container.captures.has(snapshotId)) return undefined;
    container.captures.add(snapshotId);
    return container;
  }
}
