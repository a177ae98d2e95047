import { fstatSync } from 'node:fs';
import type { InputStream } from './cli.ts';

/** Whether something was given to read: a pipe, a file or a connection; no terminal, and not `/dev/null`. */
export function isPiped({ fd, isTTY }: InputStream): boolean {
  if (isTTY === true || fd === undefined) return false;
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() || stat.isFile() || stat.isSocket();
  } catch {
    return false; // closed: `sandglass exec … <&-`
  }
}
