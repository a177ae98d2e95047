import { createWriteStream } from 'node:fs';
import { realpath, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { mergeFolder } from '../archive/merge-folder.ts';
import { unpackArchive } from '../archive/unpack-archive.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import type { Session } from '../session.ts';
import { writeOut } from '../write-out.ts';
import { inspectHere } from './local-side.ts';
import type { SandboxPath } from './location.ts';
import { asUser, inspectSandboxPath } from './sandbox-side.ts';
import { Skipped } from './skipped.ts';
import { publishFolder, withStaging, writeNewFile } from './staging.ts';
import { copyTarget } from './target.ts';
import type { Transfer } from './transfer.ts';

/** Copies a file or folder of a sandbox to this machine. What is there is replaced only when the copy is complete. */
export async function download(cli: Cli, session: Session, from: SandboxPath, destination: string, transfer: Transfer): Promise<void> {
  const source = await inspectSandboxPath(session, from);
  if (source.kind === 'nothing') throw missing(from);
  const { kind: destinationKind } = await inspectHere(destination);
  const target = copyTarget({ sourceKind: source.kind, source: from.path, destinationKind, destination });
  transfer.total = source.sizeBytes;
  if (source.kind === 'file') await downloadFile(session, from, target, source.mode, transfer);
  else await downloadFolder(cli, session, { ...from, ownName: source.name }, target, transfer);
}

/** Copies a file to standard output; a folder as a tar archive. */
export async function downloadToStream(cli: Cli, session: Session, from: SandboxPath, transfer: Transfer): Promise<void> {
  const { sandglass, signal } = session;
  const { kind, sizeBytes } = await inspectSandboxPath(session, from);
  if (kind === 'nothing') throw missing(from);
  if (kind === 'directory' && cli.stdout.isTTY === true)
    throw new CliError('an archive is not for a terminal', { hint: 'add `| tar t`, or a file with >' });
  transfer.total = sizeBytes;
  const { files } = sandglass;
  const bytes = await (kind === 'file'
    ? files.readStream(from.sandboxId, from.path, { ...asUser(from), signal })
    : files.readArchive(from.sandboxId, from.path, { ...asUser(from), signal }));
  for await (const chunk of transfer.count(bytes)) await writeOut(cli.stdout, chunk, signal);
  transfer.files += 1;
}

async function downloadFile({ sandglass, signal }: Session, from: SandboxPath, target: string, mode: number, transfer: Transfer) {
  const existing = await inspectHere(target);
  if (existing.kind === 'directory') throw new CliError(`cannot replace the folder ${target} by a file`);
  const bytes = async () => transfer.count(await sandglass.files.readStream(from.sandboxId, from.path, { ...asUser(from), signal }));
  if (existing.kind === 'file' && !existing.isRegular) await pipeline(await bytes(), createWriteStream(target), { signal });
  else {
    // Of a link, what it leads to is replaced.
    const path = existing.kind === 'file' ? await realpath(target) : target;
    await withStaging(await folderOf(path), async (folder) => {
      const staged = join(folder, basename(path));
      await writeNewFile(staged, await bytes(), mode, signal);
      await rename(staged, path);
    });
  }
  transfer.files += 1;
}

async function downloadFolder(
  cli: Cli,
  { sandglass, signal }: Session,
  from: SandboxPath & { readonly ownName: string },
  target: string,
  transfer: Transfer,
): Promise<void> {
  const { kind } = await inspectHere(target);
  if (kind === 'file') throw new CliError(`cannot replace ${target}, which is no folder, by a folder`);
  const isNew = kind === 'nothing';
  const skipped = new Skipped(cli);
  await withStaging(isNew ? await folderOf(target) : target, async (folder) => {
    const options = {
      ownName: from.ownName,
      folder,
      signal,
      onFile: () => {
        transfer.files += 1;
      },
      onSkipped: skipped.add,
    };
    const archive = await sandglass.files.readArchive(from.sandboxId, from.path, { ...asUser(from), signal });
    const mode = await unpackArchive(transfer.count(archive), options);
    signal.throwIfAborted();
    if (isNew) await publishFolder(folder, target, mode);
    else await mergeFolder(folder, target);
  });
  skipped.tell();
}

/** The folder that a path is in. @throws CliError when there is none. */
async function folderOf(path: string): Promise<string> {
  const folder = dirname(path);
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory()) return folder;
  throw new CliError(`there is no folder ${folder}`, { hint: `make it with \`mkdir -p\` first` });
}

export function missing({ sandboxId, path }: SandboxPath): CliError {
  return new CliError(`there is no ${path} in ${sandboxId}`, { exitCode: 3 });
}
