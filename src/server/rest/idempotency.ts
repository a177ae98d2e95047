import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { KeyedMutex } from '../../lib/keyed-mutex.ts';
import type { Logger } from '../../lib/logger.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace } from '../../model/ids.ts';
import { expiryKey, idempotencyKey } from '../../store/keys.ts';
import { type IdempotentRequest, idempotencyRecord } from '../../store/records.ts';
import type { Store } from '../../store/store.ts';
import { WriteSet } from '../../store/writes.ts';
import { errorBody } from './error-handler.ts';

/** What makes two requests the same. */
export interface RequestIdentity {
  readonly namespace: Namespace;
  /** The `Idempotency-Key` header. */
  readonly key: string | undefined;
  readonly method: string;
  /** Without the query: how long to wait for the result does not change what is done. */
  readonly path: string;
  readonly body: unknown;
}

export interface Answer<B> {
  readonly status: number;
  readonly body: B;
}

const KEPT_MS = 24 * 60 * 60 * 1000;
/** Larger answers are not stored, to keep the store's records small. */
const MAX_STORED_BYTES = 1024 * 1024;
const MAX_KEY_LENGTH = 255;

/**
 * Carries out a request with an `Idempotency-Key` once, and answers repetitions with the stored answer, for 24 hours.
 *
 * The key is reserved in the store before anything is done, and gets its answer afterwards:
 *
 *     (nothing) ──reserve──▶ reserved ──answered, or refused for good──▶ answered ──24 h──▶ (nothing)
 *         ▲                     │
 *         └─failed, may be retried (5xx, retryable reasons)
 *
 * A repetition that arrives meanwhile waits for the first. When the server ends between reserving and answering, nobody
 * knows whether the request took effect: repetitions are refused with `idempotency_key_in_progress` until the key is
 * forgotten, rather than carried out twice.
 */
export class Idempotency {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #mutex = new KeyedMutex<string>();

  constructor(options: { store: Store; clock: Clock; log: Logger }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** @throws whatever `command` throws; `idempotency_key_reused`, `idempotency_key_in_progress`, `invalid_request` (the key). */
  async run<B>(request: RequestIdentity, command: () => Promise<Answer<B>>): Promise<Answer<B> & { replayed: boolean }> {
    if (request.key === undefined) return { ...(await command()), replayed: false };
    const hash = sha256(checkKey(request.key));
    const recordKey = idempotencyKey(request.namespace, hash);
    return this.#mutex.run(recordKey, () => this.#runOnce(recordKey, hash, request, command));
  }

  async #runOnce<B>(
    recordKey: string,
    hash: string,
    request: RequestIdentity,
    command: () => Promise<Answer<B>>,
  ): Promise<Answer<B> & { replayed: boolean }> {
    const requestHash = sha256(JSON.stringify([request.method, request.path, request.body]));
    const entry = await this.#store.get(recordKey);
    const known = entry && idempotencyRecord.decode(entry.value);
    const now = this.#clock.now();
    if (known !== undefined && known.expiresAt > now) return { ...(replay(known, requestHash) as Answer<B>), replayed: true };

    const reserved: IdempotentRequest = { requestHash, expiresAt: now + KEPT_MS };
    const expiry = (record: IdempotentRequest) => expiryKey(record.expiresAt, 'idem', request.namespace, hash);
    const reserve = new WriteSet().check(recordKey, entry?.revision).put(recordKey, idempotencyRecord.encode(reserved));
    if (known !== undefined) reserve.delete(expiry(known));
    const revision = await this.#store.commit(reserve.put(expiry(reserved)).toRequest());

    const settle = (answer: Answer<unknown> | undefined) => {
      const writes = new WriteSet().check(recordKey, revision);
      if (answer === undefined) writes.delete(recordKey).delete(expiry(reserved));
      else writes.put(recordKey, idempotencyRecord.encode({ ...reserved, answer: storable(answer) }));
      return this.#store.commit(writes.toRequest()).catch((error: unknown) => {
        this.#log.error({ err: error }, 'an idempotent answer could not be stored; repetitions of the request are refused');
      });
    };
    try {
      const answer = await command();
      await settle(answer);
      return { ...answer, replayed: false };
    } catch (thrown) {
      const error = SandglassError.from(thrown);
      await settle(isFinal(error) ? { status: error.status, body: errorBody(error) } : undefined);
      throw thrown;
    }
  }
}

/** True when a repetition is to get the same error: nothing has been done, and trying again does not help. */
function isFinal(error: SandglassError): boolean {
  return error.status < 500 && !error.retryable && error.reason !== 'operation_cancelled';
}

function replay(known: IdempotentRequest, requestHash: string): Answer<unknown> {
  if (known.requestHash !== requestHash) {
    throw new SandglassError('idempotency_key_reused', 'this Idempotency-Key was used for another request; use a new one for each request');
  }
  if (known.answer === undefined) {
    throw new SandglassError(
      'idempotency_key_in_progress',
      'a request with this Idempotency-Key has begun, and its outcome is not known (yet): ' +
        'list what there is, and use a new key if it took no effect',
    );
  }
  return known.answer;
}

function storable(answer: Answer<unknown>): Answer<unknown> {
  const bytes = Buffer.byteLength(JSON.stringify(answer.body));
  if (bytes <= MAX_STORED_BYTES) return answer;
  const error = new SandglassError(
    'idempotency_key_reused',
    `the request has been carried out, but its answer of ${bytes} bytes was too large to be kept for a repetition`,
  );
  return { status: error.status, body: errorBody(error) };
}

function checkKey(key: string): string {
  if (key.length >= 1 && key.length <= MAX_KEY_LENGTH) return key;
  throw new SandglassError('invalid_request', `Idempotency-Key must be 1-${MAX_KEY_LENGTH} characters long (got ${key.length})`, {
    details: { field: 'Idempotency-Key' },
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
