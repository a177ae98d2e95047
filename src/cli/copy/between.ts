import type { Session } from '../session.ts';
import { missing, type SandboxPath } from './download.ts';
import { inspectSandboxPath } from './sandbox-side.ts';
import type { Transfer } from './transfer.ts';
import { targetInSandbox } from './upload.ts';

/** Copies a file or folder from one sandbox to another, through this process: nothing of it is unpacked or kept here. */
export async function copyBetween(session: Session, from: SandboxPath, to: SandboxPath, transfer: Transfer): Promise<void> {
  const { sandglass, signal } = session;
  const { files } = sandglass;
  const source = await inspectSandboxPath(session, from.sandboxId, from.path);
  if (source.kind === 'nothing') throw missing(from);
  const target = await targetInSandbox(session, source.kind, from.path, to);
  transfer.total = source.sizeBytes;
  if (source.kind === 'file') {
    const bytes = await files.readStream(from.sandboxId, from.path, { signal });
    await files.write(to.sandboxId, target, ReadableStream.from(transfer.count(bytes)), { mode: source.mode, signal });
  } else {
    const archive = await files.readArchive(from.sandboxId, from.path, { signal });
    await files.writeArchive(to.sandboxId, target, ReadableStream.from(transfer.count(archive)), { signal });
  }
  transfer.files += 1;
}
