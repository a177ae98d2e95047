import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ExecutorId } from '../../model/ids.ts';
import type { EngineInfo } from '../driver.ts';
import type { GuestDoors } from '../guest-doors.ts';
import type { AbandonedCaptures } from './abandoned-captures.ts';
import type { Engine } from './engine.ts';
import type { ImageConfig } from './image-facts.ts';
import type { Measurements } from './measurements.ts';
import type { Networks } from './networks.ts';
import type { OwnContainers } from './own-containers.ts';
import type { PauseMarkers } from './pause-markers.ts';
import type { RegistryCredentials } from './pull-image.ts';
import type { RuntimeBundle } from './runtime-bundle.ts';
import type { VolumelessImages } from './volumeless-images.ts';

/** What the parts of the Docker driver share. */
export interface DockerContext {
  readonly engine: Engine;
  readonly executorId: ExecutorId;
  readonly networks: Networks;
  readonly volumelessImages: VolumelessImages;
  readonly markers: PauseMarkers;
  readonly doors: GuestDoors;
  readonly measurements: Measurements;
  readonly ownContainers: OwnContainers;
  readonly abandonedCaptures: AbandonedCaptures;
  readonly registries: readonly RegistryCredentials[];
  readonly pidsLimit: number;
  readonly stopGraceSecs: number;
  readonly extraLabels: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Folder of the runtime bundles. */
  readonly bundleRoot: string;
  /** Made at the first call. */
  bundle(): Promise<RuntimeBundle>;
  /** Configuration of the local image with this id, which never changes. */
  imageConfig(imageId: string, signal: AbortSignal): Promise<ImageConfig>;
  /** Asked once. */
  engineInfo(): Promise<EngineInfo>;
}
