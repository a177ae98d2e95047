import { type Static, Type } from 'typebox';
import { closed, Time } from './common.ts';
import { mapOf, named, oneOf } from './named.ts';
import { MODE_PATTERN, TEXT_PATTERN, USER_PATTERN } from './patterns.ts';

/** Longest path, in bytes of UTF-8: that of Linux. */
export const MAX_PATH_BYTES = 4096;
const MAX_DEPTH = 64;

const pathInput = (description: string) => Type.String({ minLength: 1, maxLength: MAX_PATH_BYTES, pattern: TEXT_PATTERN, description });
const path = pathInput('Relative ones begin where the processes of the sandbox do.');
const user = Type.Optional(
  Type.String({ pattern: USER_PATTERN, description: "Whose access and home it is; the sandbox's own user without it." }),
);

export const FileQuery = Type.Object({ path, user }, closed);
export const WriteFileQuery = Type.Object(
  { path, user, mode: Type.Optional(Type.String({ pattern: MODE_PATTERN, description: 'Permission bits in octal.' })) },
  closed,
);
export const DeleteFileQuery = Type.Object(
  { path, user, recursive: Type.Optional(Type.Boolean({ default: false, description: 'Also a directory that is not empty.' })) },
  closed,
);
export const ListFilesQuery = Type.Object(
  { path, user, depth: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_DEPTH, default: 1, description: 'Levels of directories.' })) },
  closed,
);
export const WatchFilesQuery = Type.Object(
  { path, user, recursive: Type.Optional(Type.Boolean({ default: false, description: 'Also in the directories below.' })) },
  closed,
);

export const MakeDirectoryBody = named('MakeDirectoryRequest', Type.Object({ path, user }, closed));
export const MoveFileBody = named(
  'MoveFileRequest',
  Type.Object({ source: pathInput('What is moved.'), destination: pathInput('Where to; what is there is replaced.'), user }, closed),
);

export const FileEntry = named(
  'FileEntry',
  Type.Object({
    name: Type.String(),
    type: oneOf(['file', 'directory', 'symlink', 'other']),
    path: Type.String({ description: 'Absolute.' }),
    size_bytes: Type.Integer(),
    mode: Type.String({ description: 'Permission bits in octal, four digits.' }),
    permissions: Type.String({ description: 'As `ls -l` shows them.' }),
    owner: Type.String(),
    group: Type.String(),
    modified_at: Time,
    symlink_target: Type.Optional(Type.String()),
    metadata: mapOf(Type.String(), { description: 'The extended attributes `user.e2b.*`, without that prefix.' }),
  }),
);
export type FileEntry = Static<typeof FileEntry>;

export const FileList = named('FileList', Type.Object({ entries: Type.Array(FileEntry) }));

export const fileSchemas = [FileEntry, FileList, MakeDirectoryBody, MoveFileBody];
