import type { ImageWay } from './base-image.ts';
import { buildDebian, type DebianArchive } from './debian-archive.ts';
import type { ImageEngine, ImportConfig } from './image-engine.ts';

/** The image that the default one is made from where it can be pulled; the other way gives the same distribution. */
const PULLED_IMAGE = 'debian:12-slim';
const DEBIAN_RELEASE = 'bookworm';
const PACKAGES = ['ca-certificates'];
const PULL_MS = 180_000;
/** A registry that can't be reached may not refuse, but just be silent. */
const PULL_SILENCE_MS = 15_000;
const IMAGE_CONFIG: ImportConfig = {
  command: ['/bin/bash'],
  env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  labels: { 'dev.sandglass.base': '1' },
};
const BUILD_MS = 300_000;
const REMOVE_MS = 10_000;

/** The ways to the default image, the quickest first. */
export function baseImageWays(engine: ImageEngine): readonly ImageWay[] {
  return [pullWay(engine), buildWay(engine)];
}

function pullWay(engine: ImageEngine): ImageWay {
  return {
    title: `pull ${PULLED_IMAGE}`,
    async make(_report, signal) {
      const silence = new AbortController();
      const silent = () => silence.abort(new Error(`the registry has been silent for ${PULL_SILENCE_MS / 1000} s`));
      let timer = setTimeout(silent, PULL_SILENCE_MS);
      const onProgress = () => {
        clearTimeout(timer);
        timer = setTimeout(silent, PULL_SILENCE_MS);
      };
      try {
        await engine.pull(PULLED_IMAGE, onProgress, AbortSignal.any([signal, silence.signal, AbortSignal.timeout(PULL_MS)]));
      } finally {
        clearTimeout(timer);
      }
      return PULLED_IMAGE;
    },
  };
}

function buildWay(engine: ImageEngine): ImageWay {
  return {
    title: `build Debian ${DEBIAN_RELEASE} with mmdebstrap`,
    async make(report, signal) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(BUILD_MS)]);
      const archive = await buildDebian(DEBIAN_RELEASE, PACKAGES, report, bounded);
      return importBuilt(engine, archive, bounded);
    },
  };
}

/**
 * An archive that breaks off can still be a valid one: what the engine makes of it is an image only once the builder has
 * ended well, and is removed when it has not.
 * @returns id of the image
 */
export async function importBuilt(engine: ImageEngine, { tar, done }: DebianArchive, signal: AbortSignal): Promise<string> {
  const [imported, built] = await Promise.allSettled([engine.importTar(tar, IMAGE_CONFIG, signal), done]);
  if (imported.status === 'fulfilled' && built.status === 'fulfilled') return imported.value;
  if (imported.status === 'fulfilled') await engine.remove(imported.value, AbortSignal.timeout(REMOVE_MS));
  throw built.status === 'rejected' ? built.reason : (imported as PromiseRejectedResult).reason;
}
