import { GuestError } from './guest-error.ts';
import type { SettingsHolder } from './settings.ts';

/** What the executor tells at the start of a sandbox. */
export interface InitRequest {
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workdir?: string;
  /** Program and arguments. */
  readonly entrypoint?: readonly string[];
}

/** Takes what the executor tells at the start, once: when it restarts, it tells again, and what runs already counts. */
export class Initialisation {
  readonly #settings: SettingsHolder;
  readonly #startEntrypoint: (entrypoint: readonly string[]) => Promise<void>;
  #done: Promise<void> | undefined;

  /** @param startEntrypoint resolves once it runs. @throws GuestError `entrypoint_failed` */
  constructor(settings: SettingsHolder, startEntrypoint: (entrypoint: readonly string[]) => Promise<void>) {
    this.#settings = settings;
    this.#startEntrypoint = startEntrypoint;
  }

  /** @throws GuestError `invalid_request`, `entrypoint_failed` */
  async run(request: unknown): Promise<void> {
    if (!isInitRequest(request)) throw new GuestError('invalid_request', 'the request has the wrong shape');
    this.#done ??= this.#apply(request);
    await this.#done;
  }

  async #apply({ entrypoint, ...settings }: InitRequest): Promise<void> {
    this.#settings.set(settings);
    if (entrypoint !== undefined) await this.#startEntrypoint(entrypoint);
  }
}

function isInitRequest(value: unknown): value is InitRequest {
  if (typeof value !== 'object' || value === null) return false;
  const { env, user, workdir, entrypoint } = value as Record<string, unknown>;
  const isTextOrAbsent = (text: unknown) => text === undefined || typeof text === 'string';
  return (
    typeof env === 'object' &&
    env !== null &&
    Object.values(env).every((each) => typeof each === 'string') &&
    isTextOrAbsent(user) &&
    isTextOrAbsent(workdir) &&
    (entrypoint === undefined ||
      (Array.isArray(entrypoint) && entrypoint.length > 0 && entrypoint.every((each) => typeof each === 'string')))
  );
}
