export type FileType = 'file' | 'directory' | 'symlink' | 'other';

/** A file, a directory or anything else that has a path. What is in it was told by the sandbox: do not trust its names. */
export interface FileEntry {
  readonly name: string;
  readonly type: FileType;
  /** Absolute. */
  readonly path: string;
  readonly size_bytes: number;
  /** Permission bits in octal, such as `0644`. */
  readonly mode: string;
  /** As `ls -l` shows them, such as `-rw-r--r--`. */
  readonly permissions: string;
  /** By name, or by number where there is no name. */
  readonly owner: string;
  readonly group: string;
  readonly modified_at: number;
  /** Of a symbolic link: what is written in it. */
  readonly symlink_target?: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What can be written to a file. A stream is sent as it comes, and held in memory nowhere. */
export type FileContent = string | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;

/** `start`: from here on nothing is missed. The others: something below the watched directory has changed. */
export type FileEvent =
  | { readonly type: 'start' }
  | { readonly type: 'create' | 'write' | 'remove' | 'rename' | 'chmod'; readonly path: string };
