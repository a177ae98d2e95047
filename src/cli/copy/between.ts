import { withoutOwnName } from '../archive/without-own-name.ts';
import type { Session } from '../session.ts';
import { missing } from './download.ts';
import type { SandboxPath } from './location.ts';
import { asUser, inspectSandboxPath } from './sandbox-side.ts';
import type { Transfer } from './transfer.ts';
import { sendStream, targetInSandbox } from './upload.ts';

/** Copies a file or folder from one sandbox to another, through this process: nothing of it is unpacked or kept here. */
export async function copyBetween(session: Session, from: SandboxPath, to: SandboxPath, transfer: Transfer): Promise<void> {
  const { sandglass, signal } = session;
  const { files } = sandglass;
  const source = await inspectSandboxPath(session, from);
  if (source.kind === 'nothing') throw missing(from);
  const target = await targetInSandbox(session, source.kind, from.path, to);
  transfer.total = source.sizeBytes;
  if (source.kind === 'file') {
    const bytes = await files.readStream(from.sandboxId, from.path, { ...asUser(from), signal });
    await sendStream(transfer.count(bytes), (stream) =>
      files.write(to.sandboxId, target, stream, { ...asUser(to), mode: source.mode, signal }),
    );
  } else {
    const archive = withoutOwnName(
      transfer.count(await files.readArchive(from.sandboxId, from.path, { ...asUser(from), signal })),
      source.name,
    );
    await sendStream(archive, (bytes) => files.writeArchive(to.sandboxId, target, bytes, { ...asUser(to), signal }));
  }
  transfer.files += 1;
}
