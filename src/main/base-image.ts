import { SandglassError } from '../model/errors.ts';
import type { ImageEngine } from './image-engine.ts';

/** One way of getting the default image, such as pulling or building it. */
export interface ImageWay {
  /** What it does, for people: `pull debian:12-slim`. */
  readonly title: string;
  /** @returns id or name of an image that the engine has now. */
  make(report: (line: string) => void, signal: AbortSignal): Promise<string>;
}

/**
 * Sees to it that the engine has the default image: when it is not there, tries each way until one gives it, and tags the
 * result. `report` hears what is going on, a line at a time.
 * @returns what was done: `present`, or the title of the way that worked.
 * @throws SandglassError `image_not_found` with why each way failed, and what to do; the signal's reason.
 */
export async function ensureBaseImage(
  image: string,
  engine: ImageEngine,
  ways: readonly ImageWay[],
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  if (await engine.has(image, signal)) return 'present';
  const failures: string[] = [];
  for (const way of ways) {
    try {
      report(way.title);
      const made = await way.make(report, signal);
      await engine.tag(made, image, signal);
      return way.title;
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      report(`${way.title} failed: ${why}`);
      failures.push(`${way.title}: ${why}`);
    }
  }
  throw new SandglassError(
    'image_not_found',
    `the default image ${image} is not there, and could not be made (${failures.join('; ')}). ` +
      `Set server.default_image to an image that the engine has or can pull, or give it one: docker tag IMAGE ${image}`,
  );
}
