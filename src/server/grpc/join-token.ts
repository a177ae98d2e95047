import { createHash, timingSafeEqual } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';

/** Checks what a call carries in its `authorization` header. @throws ConnectError `unauthenticated`. */
export type JoinTokenCheck = (authorization: string | null) => void;

/** `sha256:` and 64 hexadecimal digits, as the configuration keeps it. */
const HASH_PATTERN = /^sha256:([0-9a-f]{64})$/;

/**
 * A check against the hash of the join token. Hashes are compared, in constant time, so that neither the token nor its
 * length can be guessed from how long the answer takes. Without a hash every executor is let in.
 */
export function joinTokenCheck(hash: string | undefined): JoinTokenCheck {
  if (hash === undefined) return () => {};
  const hex = HASH_PATTERN.exec(hash)?.[1];
  if (hex === undefined) throw new Error('the hash of the join token must be sha256: and 64 hexadecimal digits');
  const expected = Buffer.from(hex, 'hex');
  return (authorization) => {
    const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new ConnectError('this server takes executors with a join token only; set executor.join_token', Code.Unauthenticated);
    }
    if (!timingSafeEqual(createHash('sha256').update(token).digest(), expected)) {
      throw new ConnectError('the join token is not the one of this server; check executor.join_token', Code.Unauthenticated);
    }
  };
}
