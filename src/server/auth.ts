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

/** The headers that a key can come in. */
export interface Credentials {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | string[] | undefined;
  /** Of WebSockets only: a web page can set no other header of theirs. */
  readonly 'sec-websocket-protocol'?: string | undefined;
}

/** A subprotocol that begins with it carries a key: base64url of it follows. */
export const BEARER_SUBPROTOCOL = 'sandglass.bearer.';

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
    const keys = presentedKeys(credentials);
    if (keys.length === 0) {
      throw new SandglassError('unauthenticated', 'an API key is needed; send it as `Authorization: Bearer …` or `X-API-Key: …`');
    }
    // A request through a proxied port can carry a bearer token of the program behind it, beside our key in X-API-Key.
    for (const key of keys) {
      const principal = this.#find(key);
      if (principal !== undefined) return principal;
    }
    throw new SandglassError('unauthenticated', 'this API key is not known; check it, or ask for a new one');
  }

  /** Whether `text` is a key that is configured. */
  isKey(text: string): boolean {
    return this.#find(text) !== undefined;
  }

  #find(key: string): Principal | undefined {
    const digest = createHash('sha256').update(key).digest();
    let found: Principal | undefined;
    // Every key is compared, and each in constant time: how long it takes says nothing about any of them.
    for (const candidate of this.#keys) if (timingSafeEqual(candidate.digest, digest)) found = candidate.principal;
    return found;
  }
}

/** Subprotocols that are looked at: a client offers two. */
const MAX_SUBPROTOCOLS = 8;

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

/** The keys that a request carries, the surest first. */
function presentedKeys({ authorization, 'x-api-key': apiKey, 'sec-websocket-protocol': subprotocols = '' }: Credentials): string[] {
  const offered = subprotocols.split(',').map((name) => keyInSubprotocol(name.trim()));
  const keys = [typeof apiKey === 'string' ? apiKey : undefined, bearerToken(authorization), ...offered.slice(0, MAX_SUBPROTOCOLS)];
  return keys.filter((key) => key !== undefined).filter((key) => key !== '');
}

/** The token in an `Authorization` header, if it is of that kind. */
function bearerToken(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}

function keyInSubprotocol(name: string): string | undefined {
  if (!name.startsWith(BEARER_SUBPROTOCOL)) return undefined;
  return Buffer.from(name.slice(BEARER_SUBPROTOCOL.length), 'base64url').toString('utf8');
}

function parseHash({ name, hash }: ApiKey): Buffer {
  const hex = hash.replace(/^sha256:/, '');
  if (/^[0-9a-f]{64}$/i.test(hex)) return Buffer.from(hex, 'hex');
  throw new SandglassError('invalid_config', `the hash of API key ${name} must be the SHA-256 of the key, as 64 hexadecimal digits`);
}
