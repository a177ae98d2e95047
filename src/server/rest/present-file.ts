import { compact } from '../../lib/compact.ts';
import type { FileEntry } from '../guests/files.ts';
import type * as wire from './schemas/file.ts';

export function presentFile(entry: FileEntry): wire.FileEntry {
  return compact({
    name: entry.name,
    type: entry.type,
    path: entry.path,
    size_bytes: entry.sizeBytes,
    mode: entry.mode.toString(8).padStart(4, '0'),
    permissions: entry.permissions,
    owner: entry.owner,
    group: entry.group,
    modified_at: entry.modifiedAt,
    symlink_target: entry.symlinkTarget,
    metadata: entry.metadata,
  });
}
