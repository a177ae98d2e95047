import { SandglassError } from '../../model/errors.ts';
import type { ServerEvent } from '../events/event-stream.ts';
import type { FileWatch } from '../guests/files.ts';
import { errorBody } from './error-handler.ts';

/**
 * What changes below `path`, as events: `start`, then the changes with the path of what changed, which begins as `path` does; and
 * `error`, as the last one. Never throws. The watch ends when nobody reads on.
 */
export async function* fileEvents(watch: FileWatch, path: string): AsyncGenerator<ServerEvent, void, undefined> {
  try {
    yield { event: 'start', data: {} };
    for await (const { change, name } of watch.changes()) yield { event: change, data: { path: join(path, name) } };
  } catch (error) {
    yield { event: 'error', data: errorBody(SandglassError.from(error)) };
  } finally {
    watch.close();
  }
}

function join(directory: string, name: string): string {
  if (name === '') return directory;
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}
