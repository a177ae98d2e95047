import { SandglassError } from './errors.ts';
import type { Namespace, SnapshotId } from './ids.ts';

// The grammar of the `reference` package of distribution: [domain/]path[:tag][@digest].
const DOMAIN =
  '(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\\.(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?))*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?';
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const TAG = '[\\w][\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*(?::${TAG})?(?:@${DIGEST})?$`);

/** Longest reference; the repository part alone may have 255 characters. */
const MAX_LENGTH = 512;

/** @throws SandglassError `invalid_image` unless `text` is a well-formed image reference, such as `debian:12-slim` or `host:5000/team/app@sha256:…`. */
export function checkImageReference(text: string): void {
  if (text.length <= MAX_LENGTH && REFERENCE.test(text)) return;
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  throw new SandglassError(
    'invalid_image',
    `image ${JSON.stringify(shown)} is not an image reference; one looks like debian:12-slim or registry.example.com/team/app:1.0`,
    {
      details: { field: 'image' },
    },
  );
}

/** Where a snapshot's image is found on its executors. The namespace is the repository, the snapshot the tag. */
export function snapshotImageRef(namespace: Namespace, id: SnapshotId): string {
  return `sandglass/${namespace}:${id}`;
}
