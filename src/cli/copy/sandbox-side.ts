import { posix } from 'node:path';
import type { FileEntry } from '../../../sdk/src/index.ts';
import { CliError, isCoded } from '../failure.ts';
import type { Session } from '../session.ts';
import type { SandboxPath } from './location.ts';
import type { Kind } from './target.ts';

/** What there is at a path of a sandbox. */
export interface SandboxFile {
  readonly kind: Kind;
  /** Absent for nothing, and for what a link leads to. */
  readonly sizeBytes?: number;
  /** Permission bits. */
  readonly mode: number;
  /** What the sandbox calls it; empty for the root folder. Only for comparing: it is not to be trusted. */
  readonly name: string;
}

/** Follows links. @throws CliError for what is neither a file nor a folder; SandglassError `sandbox_not_running` … */
export async function inspectSandboxPath({ sandglass, signal }: Session, at: SandboxPath): Promise<SandboxFile> {
  const { sandboxId, path } = at;
  const options = { ...asUser(at), signal };
  try {
    const entry = await sandglass.files.stat(sandboxId, path, options);
    const name = posix.basename(entry.path);
    if (entry.type === 'symlink')
      return { kind: await leadsToFolder(() => sandglass.files.list(sandboxId, path, options)), mode: 0o644, name };
    if (entry.type === 'other') throw new CliError(`${path} in the sandbox is neither a file nor a folder`);
    return { kind: entry.type, mode: modeOf(entry), name, ...(entry.type === 'file' && { sizeBytes: entry.size_bytes }) };
  } catch (thrown) {
    // A part of the path that is no folder: nothing is there either; writing to it tells.
    if (isCoded(thrown) && (thrown.reason === 'file_not_found' || thrown.reason === 'not_a_directory'))
      return { kind: 'nothing', mode: 0, name: '' };
    throw thrown;
  }
}

async function leadsToFolder(list: () => Promise<unknown>): Promise<Kind> {
  try {
    await list();
    return 'directory';
  } catch (thrown) {
    if (isCoded(thrown) && thrown.reason === 'not_a_directory') return 'file';
    throw thrown;
  }
}

/** The user for a call, where one is named. */
export function asUser({ user }: SandboxPath): { readonly user?: string } {
  return user === undefined ? {} : { user };
}

/** What a sandbox says must not run as somebody else here. */
function modeOf({ mode }: FileEntry): number {
  const bits = Number.parseInt(mode, 8);
  return Number.isNaN(bits) ? 0o644 : bits & 0o777;
}
