import type { ImageConfig } from './image-facts.ts';

/**
 * The configuration that a snapshot's image gets: that of the image that the sandbox runs, as if the container had been
 * made without ours. The engine fills every field that is left out, empty or null from the container (Engine API,
 * `POST /commit`), so the command is never left out: an empty list, unlike null, is taken as it is.
 * @param image configuration of the sandbox's image.
 * @param volumes what the original image declares, and the container was made without.
 * @param labels ours; the engine adds those of the image.
 */
export function snapshotConfig(image: ImageConfig, volumes: readonly string[], labels: Readonly<Record<string, string>>): object {
  return {
    ...image,
    Entrypoint: image.Entrypoint ?? [],
    Cmd: image.Cmd ?? [],
    Volumes: Object.fromEntries([...Object.keys(image.Volumes ?? {}), ...volumes].map((path) => [path, {}])),
    Labels: { ...image.Labels, ...labels },
  };
}
