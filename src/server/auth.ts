import { createHash, timingSafeEqual } from 'node:crypto';
import { SandglassError } from '../model/errors.ts';
import type { Namespace } from '../model/ids.ts';

/** A key as it is configured: for one namespace, or for everything. Only the SHA-256 of the key itself is kept. */
export type ApiKey = {
  readonly name: string;
  /** 64 hexadecimal digits, with or without `sha256:` before them. */
  readonly hash: string;
} & ({ readonly namespace: Namespace } | { readonly admin: true });

/** Who makes a request. Without a namespace: an administrator, or anybody where no key is configured. */
export interface Principal {
  readonly name: string;
  readonly namespace?: Namespace;
}

export interface Credentials {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | string[] | undefined;
}

/** Tells from the headers of a request who makes it. With no keys at all everybody may do everything: for loopback only. */
export class Authenticator {
  readonly #keys: readonly { readonly digest: Buffer; readonly principal: Principal }[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys.map((key) => ({
      digest: parseHash(key),
      principal: { name: key.name, ...('namespace' in key ? { namespace: key.namespace } : {}) },
    }));
  }

  /** True when no key is configured. */
  get isOpen(): boolean {
    return this.#keys.length === 0;
  }

  /** @throws SandglassError `unauthenticated` when there is no key, or one that nobody has. */
  authenticate(credentials: Credentials): Principal {
    if (this.isOpen) return ANYBODY;
    const key = presentedKey(credentials);
    if (key === undefined) {
      throw new SandglassError('unauthenticated', 'an API key is needed; send it as `Authorization: Bearer …` or `X-API-Key: …`');
    }
    const digest = createHash('sha256').update(key).digest();
    let found: Principal | undefined;
    // Every key is compared, and each in constant time: how long it takes says nothing about any of them.
    for (const candidate of this.#keys) if (timingSafeEqual(candidate.digest, digest)) found = candidate.principal;
    if (found === undefined) throw new SandglassError('unauthenticated', 'this API key is not known; check it, or ask for a new one');
    return found;
  }
}

const ANYBODY: Principal = { name: 'anybody' };

/** @throws SandglassError `permission_denied` when the key is for another namespace. */
export function requireNamespace(principal: Principal, namespace: string): void {
  if (principal.namespace === undefined || principal.namespace === namespace) return;
  throw new SandglassError('permission_denied', `this API key (${principal.name}) is for namespace ${principal.namespace} only`, {
    details: { namespace: principal.namespace },
  });
}

/** @throws SandglassError `permission_denied` when the key is for one namespace. */
export function requireAdmin(principal: Principal): void {
  if (principal.namespace === undefined) return;
  throw new SandglassError(
    'permission_denied',
    `this needs an admin key; this API key (${principal.name}) is for namespace ${principal.namespace} only`,
    { details: { namespace: principal.namespace } },
  );
}

function presentedKey({ authorization, 'x-api-key': apiKey }: Credentials): string | undefined {
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  return bearer ?? (typeof apiKey === 'string' && apiKey !== '' ? apiKey : undefined);
}

function parseHash({ name, hash }: ApiKey): Buffer {
  const hex = hash.replace(/^sha256:/, '');
  if (/^[0-9a-f]{64}$/i.test(hex)) return Buffer.from(hex, 'hex');
  throw new SandglassError('invalid_config', `the hash of API key ${name} must be the SHA-256 of the key, as 64 hexadecimal digits`);
}
