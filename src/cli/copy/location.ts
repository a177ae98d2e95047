import { EXIT } from '../exit-codes.ts';
import { CliError } from '../failure.ts';

/** A path in a sandbox, and who reads or writes there. */
export interface SandboxPath {
  readonly sandboxId: string;
  readonly path: string;
  /** The sandbox's default user when absent. */
  readonly user?: string;
}

/** One side of a copy, as the user has written it. */
export type Location =
  | ({ readonly where: 'sandbox' } & SandboxPath)
  | { readonly where: 'here'; readonly path: string }
  /** `-`: standard input or output. */
  | { readonly where: 'stream' };

/**
 * `SANDBOX:PATH`, `PATH` or `-`. A path of this machine with a colon in it begins with `/` or `.`, as for `docker cp` and `scp`.
 * @throws CliError for an empty path.
 */
export function parseLocation(text: string): Location {
  if (text === '-') return { where: 'stream' };
  const colon = text.indexOf(':');
  const isHere = colon <= 0 || text.startsWith('/') || text.startsWith('.');
  const path = isHere ? text : text.slice(colon + 1);
  if (path === '') throw new CliError(`a path is missing in "${text}"`, { hint: 'write it as SANDBOX:PATH', exitCode: EXIT.usage });
  return isHere ? { where: 'here', path } : { where: 'sandbox', sandboxId: text.slice(0, colon), path };
}
