import { stat, statfs } from 'node:fs/promises';

/** Types of file systems whose files others may change without this kernel hearing of it; see statfs(2). */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB2
  0x65735546, // FUSE: sshfs, s3fs and the like
  0x01021997, // 9P
  0x00c36400, // Ceph
  0x5346414f, // AFS
]);

/**
 * Whether a path is on the network. The root file system does not count, whatever it is: in a rootless engine it is FUSE, and nobody
 * else changes it.
 */
export async function isNetworkMount(path: string): Promise<boolean> {
  const [{ type }, here, root] = await Promise.all([statfs(path), stat(path), stat('/')]);
  return here.dev !== root.dev && NETWORK_FILE_SYSTEMS.has(type);
}
