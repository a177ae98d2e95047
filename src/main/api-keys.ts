import { createHash, randomBytes } from 'node:crypto';

/** A new key for the API, or token for executors: `sg_` and 64 hexadecimal digits, 256 bits of chance. */
export function generateApiKey(random: (size: number) => Uint8Array = randomBytes): string {
  return `sg_${Buffer.from(random(32)).toString('hex')}`;
}

/**
 * What is kept of a key: `sha256:` and 64 hexadecimal digits. A plain digest is enough, because a key is no password: it
 * has too many bits to be guessed.
 */
export function hashApiKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
