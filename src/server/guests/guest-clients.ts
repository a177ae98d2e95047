import type { Clock } from '../../lib/clock.ts';
import type { ExecutorId, Namespace, SandboxId } from '../../model/ids.ts';
import type { SandboxLink } from '../sandbox-link.ts';
import { GuestAgent } from './guest-agent.ts';
import { GUEST_LIMITS, GuestClient, type GuestLimits } from './guest-client.ts';

/** A sandbox that runs, and where. */
export interface GuestTarget {
  readonly namespace: Namespace;
  readonly executorId: ExecutorId;
  readonly sandboxId: SandboxId;
}

export interface GuestClientsOptions {
  readonly links: Pick<SandboxLink, 'connectGuest'>;
  readonly clock: Clock;
  readonly limits?: GuestLimits;
  /** Whether a sandbox is frozen, so that its guest can't answer. */
  readonly isFrozen?: (target: GuestTarget) => Promise<boolean>;
}

/** Sandboxes to which connections are kept. With more, the one that was not asked for the longest gives its own up. */
const MAX_KEPT = 1000;

/** The clients of all guests that were spoken to lately. */
export class GuestClients {
  readonly #options: GuestClientsOptions;
  /** By executor and sandbox, the one asked for last at the end. */
  readonly #kept = new Map<string, { readonly client: GuestClient; readonly agent: GuestAgent }>();

  constructor(options: GuestClientsOptions) {
    this.#options = options;
  }

  of(target: GuestTarget): GuestClient {
    const key = `${target.executorId}/${target.sandboxId}`;
    const kept = this.#kept.get(key) ?? this.#create(key, target);
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    this.#dropOldest();
    return kept.client;
  }

  /** Closes connections as soon as nothing uses them any more. */
  close(): void {
    for (const { agent } of this.#kept.values()) agent.close();
    this.#kept.clear();
  }

  #create(key: string, target: GuestTarget): { client: GuestClient; agent: GuestAgent } {
    const { links, clock, limits = GUEST_LIMITS, isFrozen = async () => false } = this.#options;
    const agent: GuestAgent = new GuestAgent({
      connect: (signal) => links.connectGuest(target.executorId, target.sandboxId, signal),
      clock,
      onEmpty: () => {
        if (this.#kept.get(key)?.agent === agent) this.#kept.delete(key);
      },
    });
    return { client: new GuestClient({ agent, clock, limits, isFrozen: () => isFrozen(target) }), agent };
  }

  #dropOldest(): void {
    if (this.#kept.size <= MAX_KEPT) return;
    const [oldest] = this.#kept;
    if (oldest === undefined) return;
    this.#kept.delete(oldest[0]);
    oldest[1].agent.close();
  }
}
