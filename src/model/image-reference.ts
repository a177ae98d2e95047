import { SandglassError } from './errors.ts';
import type { Namespace, SnapshotId } from './ids.ts';

/** The parts of an image reference, with what it leaves out filled in as Docker does. */
export interface ImageReference {
  /** `docker.io`, or the registry's host with its port. */
  readonly host: string;
  /** Path in the registry, such as `library/debian`. */
  readonly repository: string;
  /** Absent only when there is a digest. */
  readonly tag?: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest?: string;
}

const DOCKER_HUB = 'docker.io';
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const MAX_NAME_LENGTH = 255;

/**
 * `text` as an image reference, by the grammar of the distribution project (`distribution/reference`). What passes can
 * stand in a path of the Engine API: it holds no `..`, `?`, `#`, white space or control character.
 * @throws SandglassError `invalid_image`.
 */
export function parseImageReference(text: string): ImageReference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const { host, path } = splitHost(name);

  const valid =
    name.length <= MAX_NAME_LENGTH &&
    HOST.test(host) &&
    path.split('/').every((component) => COMPONENT.test(component)) &&
    (tag === undefined || TAG.test(tag)) &&
    (digest === undefined || DIGEST.test(digest)) &&
    !(host === DOCKER_HUB && /^[0-9a-f]{64}$/.test(path)); // Docker takes these for image ids
  if (!valid) throw invalidImage(text);

  const repository = host === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path;
  const effectiveTag = tag ?? (digest === undefined ? 'latest' : undefined);
  return {
    host,
    repository,
    ...(effectiveTag !== undefined && { tag: effectiveTag }),
    ...(digest !== undefined && { digest }),
  };
}

/** The reference in full, such as `docker.io/library/debian:latest`; never taken for an image id by an engine. */
export function formatImageReference({ host, repository, tag, digest }: ImageReference): string {
  return `${host}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The first component is a host when it could not be a name: it has a dot or a colon, is `localhost`, or has an upper-case letter. */
function splitHost(name: string): { host: string; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = slash > 0 && (/[.:A-Z]/.test(first) || first === 'localhost');
  if (!isHost) return { host: DOCKER_HUB, path: name };
  const host = first === 'index.docker.io' ? DOCKER_HUB : first;
  return { host, path: name.slice(slash + 1) };
}

function invalidImage(text: string): SandglassError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return new SandglassError(
    'invalid_image',
    `${JSON.stringify(shown)} is not an image reference: it looks like debian:12, ghcr.io/org/name:tag or host:5000/name@sha256:…`,
    { details: { field: 'image' } },
  );
}

/** Where a snapshot's image is found on its executors. The namespace is the repository, the snapshot the tag. */
export function snapshotImageRef(namespace: Namespace, id: SnapshotId): string {
  return `sandglass/${namespace}:${id}`;
}
