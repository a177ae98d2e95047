import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import { packFolder, sizeOfFolder } from '../archive/pack-folder.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import type { Session } from '../session.ts';
import { inspectHere } from './local-side.ts';
import type { SandboxPath } from './location.ts';
import { asUser, inspectSandboxPath } from './sandbox-side.ts';
import { Skipped } from './skipped.ts';
import { copyTarget } from './target.ts';
import type { Transfer } from './transfer.ts';

/** Copies a file or folder of this machine to a sandbox. */
export async function upload(cli: Cli, session: Session, source: string, to: SandboxPath, transfer: Transfer): Promise<void> {
  const local = await inspectHere(source);
  if (local.kind === 'nothing') throw new CliError(`there is no ${source}`);
  const target = await targetInSandbox(session, local.kind, source, to);
  const { signal, sandglass } = session;
  if (local.kind === 'file') {
    if (local.isRegular) transfer.total = local.sizeBytes;
    await sendStream(transfer.count(createReadStream(source, { signal })), (bytes) =>
      sandglass.files.write(to.sandboxId, target, bytes, { ...asUser(to), mode: local.mode, signal }),
    );
    transfer.files += 1;
    return;
  }
  transfer.total = await sizeOfFolder(source);
  const skipped = new Skipped(cli);
  const options = {
    signal,
    onFile: () => {
      transfer.files += 1;
    },
    onSkipped: skipped.add,
  };
  await sendStream(transfer.count(packFolder(source, options)), (bytes) =>
    sandglass.files.writeArchive(to.sandboxId, target, bytes, { ...asUser(to), signal }),
  );
  skipped.tell();
}

/** Copies standard input to a file of a sandbox. */
export async function uploadFromStream(cli: Cli, { sandglass, signal }: Session, to: SandboxPath, transfer: Transfer): Promise<void> {
  const chunks = cli.stdin as unknown as AsyncIterable<Uint8Array>;
  try {
    await sendStream(transfer.count(chunks), (bytes) => sandglass.files.write(to.sandboxId, to.path, bytes, { ...asUser(to), signal }));
  } finally {
    cli.stdin.destroy?.(); // a pipe that nobody closes would keep this process
  }
  transfer.files += 1;
}

/** Where the copy goes. The folder that it goes to must be there, as everywhere. */
export async function targetInSandbox(
  session: Session,
  sourceKind: 'file' | 'directory',
  source: string,
  to: SandboxPath,
): Promise<string> {
  const { kind: destinationKind } = await inspectSandboxPath(session, to);
  const target = copyTarget({ sourceKind, source, destinationKind, destination: to.path });
  if (destinationKind === 'nothing') {
    const folder = posix.dirname(target);
    const { kind } = await inspectSandboxPath(session, { ...to, path: folder });
    if (kind !== 'directory')
      throw new CliError(`there is no folder ${folder} in ${to.sandboxId}`, {
        hint: 'make it first, with `sandglass exec SANDBOX -- mkdir -p …`',
      });
  }
  if (destinationKind === 'directory' && target !== to.path) await refuseReplacement(session, sourceKind, { ...to, path: target });
  return target;
}

async function refuseReplacement(session: Session, sourceKind: 'file' | 'directory', at: SandboxPath): Promise<void> {
  const { kind } = await inspectSandboxPath(session, at);
  if (kind === 'nothing' || kind === sourceKind) return;
  const [old, fresh] = kind === 'directory' ? ['folder', 'file'] : ['file', 'folder'];
  throw new CliError(`cannot replace the ${old} ${at.path} in ${at.sandboxId} by a ${fresh}`);
}

/** Sends what comes; when reading it fails, that is what is told, not what became of the connection. */
export async function sendStream<T>(
  chunks: AsyncIterable<Uint8Array>,
  request: (bytes: ReadableStream<Uint8Array>) => Promise<T>,
): Promise<T> {
  let failure: { readonly error: unknown } | undefined;
  const watched = async function* () {
    try {
      yield* chunks;
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  try {
    return await request(ReadableStream.from(watched()));
  } catch (thrown) {
    throw failure === undefined ? thrown : failure.error;
  }
}
