import { posix } from 'node:path';
import { CliError } from '../failure.ts';

/** What there is at a path; links are followed. */
export type Kind = 'file' | 'directory' | 'nothing';

export interface CopyPaths {
  readonly sourceKind: Exclude<Kind, 'nothing'>;
  readonly source: string;
  readonly destinationKind: Kind;
  readonly destination: string;
}

/**
 * The path that a copy gets, by the rules of `docker cp`:
 * - a file to a directory goes into it, under its own name; to anything else it gets that path;
 * - a directory to one that is there goes into it, under its own name, or, written as `DIRECTORY/.`, what is in it does; to a path
 *   where nothing is, it gets that path.
 * @throws CliError where the rules allow no copy.
 */
export function copyTarget({ sourceKind, source, destinationKind, destination }: CopyPaths): string {
  const name = ownName(source);
  if (destinationKind === 'directory') return name === undefined ? destination : posix.join(destination, name);
  if (sourceKind === 'directory') {
    if (destinationKind === 'nothing') return destination;
    throw new CliError(`cannot copy a folder to ${destination}, which is a file`);
  }
  if (!destination.endsWith('/')) return destination;
  const what = destinationKind === 'nothing' ? 'is not there' : 'is no folder';
  throw new CliError(`cannot copy a file into ${destination}, which ${what}`, {
    hint: 'make the folder first, or leave out the / at the end',
  });
}

/** The last segment of a path, undefined when it names no thing of its own: `/`, `dir/.`, `..`. */
function ownName(path: string): string | undefined {
  if (/(^|\/)\.{1,2}\/*$/.test(path)) return undefined;
  return posix.basename(path) || undefined;
}
