import { compact } from '../../lib/compact.ts';
import { type EntryInfo, EventType, Filesystem, FileType, type WatchDirResponse } from '../../rpc/gen/filesystem/filesystem_pb.js';
import { checkNumber, checkText } from './checks.ts';
import type { CallOptions, GuestClient } from './guest-client.ts';
import { malformedAnswer } from './guest-errors.ts';
import type { MessageStream } from './message-stream.ts';

/** A file, directory, or whatever else has a path in a sandbox. */
export interface FileEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Permission bits, at most 07777. */
  readonly mode: number;
  /** As `ls -l` shows them. */
  readonly permissions: string;
  readonly owner: string;
  readonly group: string;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  readonly symlinkTarget?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export type FileChange = 'create' | 'write' | 'remove' | 'rename' | 'chmod';

/** Who asks, in the sandbox, and until when. */
export type FileCall = Pick<CallOptions, 'signal' | 'user'>;

/** About 30,000 entries with long paths. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;
const MAX_PATH_LENGTH = 16_384;
const MAX_NAME_LENGTH = 1024;

/** What is at `path`; of a symbolic link, the link. @throws SandglassError `file_not_found`, and others that the guest names. */
export async function statFile(guest: GuestClient, path: string, call: FileCall): Promise<FileEntry> {
  return parseEntry((await guest.unary(Filesystem.method.stat, { path }, { ...call, repeatable: true })).entry);
}

/** What is below a directory, `depth` levels deep (at least 1). @throws SandglassError `file_not_found`, `not_a_directory`. */
export async function listFiles(guest: GuestClient, path: string, depth: number, call: FileCall): Promise<readonly FileEntry[]> {
  const options = { ...call, repeatable: true, maxBytes: MAX_LIST_BYTES };
  return (await guest.unary(Filesystem.method.listDir, { path, depth }, options)).entries.map(parseEntry);
}

/** Makes a directory and the parents that it lacks. @throws SandglassError `file_exists`. */
export async function makeDirectory(guest: GuestClient, path: string, call: FileCall): Promise<FileEntry> {
  return parseEntry((await guest.unary(Filesystem.method.makeDir, { path }, call)).entry);
}

/** @returns what is at `destination` then. */
export async function moveFile(guest: GuestClient, source: string, destination: string, call: FileCall): Promise<FileEntry> {
  return parseEntry((await guest.unary(Filesystem.method.move, { source, destination }, call)).entry);
}

/** Removes a file, or a directory with all that is in it. */
export async function removeFile(guest: GuestClient, path: string, call: FileCall): Promise<void> {
  await guest.unary(Filesystem.method.remove, { path }, call);
}

/** Changes below a directory, from when this resolves. */
export class FileWatch {
  readonly #stream: MessageStream<WatchDirResponse>;

  constructor(stream: MessageStream<WatchDirResponse>) {
    this.#stream = stream;
  }

  /** To be read once. `name` is the path below the watched directory; the directory itself when empty. */
  async *changes(): AsyncGenerator<{ change: FileChange; name: string }, void, undefined> {
    try {
      for (;;) {
        const event = (await this.#stream.next())?.event;
        if (event?.case === 'keepalive') continue;
        if (event?.case !== 'filesystem') throw malformedAnswer('a watch that ended, or began again');
        const { type, name } = event.value;
        yield { change: parseChange(type), name: checkText('name', name, MAX_PATH_LENGTH) };
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#stream.close();
  }
}

/** @throws SandglassError `file_not_found`, `not_a_directory`. */
export async function watchFiles(guest: GuestClient, path: string, recursive: boolean, call: FileCall): Promise<FileWatch> {
  const stream = await guest.stream(Filesystem.method.watchDir, { path, recursive }, call);
  for (;;) {
    const kind = (await stream.next())?.event.case;
    if (kind === 'start') return new FileWatch(stream);
    if (kind === 'keepalive') continue;
    stream.close();
    throw malformedAnswer('a watch that did not start');
  }
}

const CHANGES: Partial<Record<EventType, FileChange>> = {
  [EventType.CREATE]: 'create',
  [EventType.WRITE]: 'write',
  [EventType.REMOVE]: 'remove',
  [EventType.RENAME]: 'rename',
  [EventType.CHMOD]: 'chmod',
};

function parseChange(type: EventType): FileChange {
  const change = CHANGES[type];
  if (change === undefined) throw malformedAnswer(`a change of type ${type}`);
  return change;
}

function parseEntry(entry: EntryInfo | undefined): FileEntry {
  if (entry === undefined) throw malformedAnswer('no file where one was asked for');
  const { seconds = 0n, nanos = 0 } = entry.modifiedTime ?? {};
  const target = entry.symlinkTarget;
  return compact({
    name: checkText('name', entry.name, MAX_NAME_LENGTH),
    type: target === undefined ? typeOf(entry.type) : 'symlink',
    path: checkText('path', entry.path, MAX_PATH_LENGTH),
    sizeBytes: checkNumber('size', entry.size),
    mode: checkNumber('mode', entry.mode) & 0o7777,
    permissions: checkText('permissions', entry.permissions, 32),
    owner: checkText('owner', entry.owner, MAX_NAME_LENGTH),
    group: checkText('group', entry.group, MAX_NAME_LENGTH),
    modifiedAt: modifiedAt(seconds, nanos),
    symlinkTarget: target === undefined ? undefined : checkText('symlink_target', target, MAX_PATH_LENGTH),
    metadata: entry.metadata,
  });
}

function typeOf(type: FileType): FileEntry['type'] {
  if (type === FileType.FILE) return 'file';
  if (type === FileType.DIRECTORY) return 'directory';
  return type === FileType.SYMLINK ? 'symlink' : 'other';
}

/** Times of files are whatever somebody set them to, also before 1970. */
function modifiedAt(seconds: bigint, nanos: number): number {
  const ms = Number(seconds) * 1000 + Math.floor(nanos / 1e6);
  if (!Number.isSafeInteger(ms)) throw malformedAnswer('a time that is none');
  return ms;
}
