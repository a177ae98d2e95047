import type { SandglassError } from '../model/errors.ts';

/** The steps of a `FakeDriver` at which something can be made to happen, in the order that each method takes them. */
export type FakeStep =
  | 'info'
  | 'recover'
  | 'inventory'
  | 'start.fetch'
  | 'start.create'
  | 'start.run'
  | 'stop.end'
  | 'stop.remove'
  | 'pause.freeze'
  | 'resume.thaw'
  | 'guest.connect'
  | 'logs.open'
  | 'metrics.read'
  | 'capture.freeze'
  | 'capture.commit'
  | 'capture.thaw'
  | 'remove.image'
  | 'events.open';

/** Stands for `kill -9` of the process that the driver runs in: nothing after the step happens, no clean-up either. */
export class FakeCrash extends Error {
  override readonly name = 'FakeCrash';
}

/** A step that stands still until it is released. */
export interface Hold {
  /** Resolves once a call has come to the step. */
  readonly reached: Promise<void>;
  /** Lets the waiting call, and all later ones, go on. */
  release(): void;
}

type Fault =
  | { readonly kind: 'hold'; readonly arrive: () => void; readonly released: Promise<void> }
  | { readonly kind: 'fail'; readonly error: SandglassError; timesLeft: number }
  | { readonly kind: 'die' };

/** What is to go wrong, and where. */
export class FaultPlan {
  readonly #faults = new Map<FakeStep, Fault[]>();
  #dead = false;

  /** Every call waits at `step` until it is released, or its signal aborts. */
  hold(step: FakeStep): Hold {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const fault: Fault = { kind: 'hold', arrive: reached.resolve, released: released.promise };
    this.#add(step, fault);
    return {
      reached: reached.promise,
      release: () => {
        this.#remove(step, fault);
        released.resolve();
      },
    };
  }

  /** The next `times` calls that come to `step` throw `error`. */
  fail(step: FakeStep, error: SandglassError, times = 1): void {
    this.#add(step, { kind: 'fail', error, timesLeft: times });
  }

  /** The next call that comes to `step` throws `FakeCrash`, and so does every call after it: this driver is dead. */
  die(step: FakeStep): void {
    this.#add(step, { kind: 'die' });
  }

  /**
   * Called by the driver at each of its steps.
   * @throws FakeCrash, the planned error, or the reason of `signal`.
   */
  async at(step: FakeStep, signal: AbortSignal): Promise<void> {
    if (this.#dead) throw new FakeCrash('the driver has died');
    signal.throwIfAborted();
    for (const fault of [...(this.#faults.get(step) ?? [])]) {
      if (fault.kind === 'hold') {
        fault.arrive();
        await untilAborted(fault.released, signal);
      } else if (fault.kind === 'fail') {
        fault.timesLeft -= 1;
        if (fault.timesLeft <= 0) this.#remove(step, fault);
        throw fault.error;
      } else {
        this.#dead = true;
        throw new FakeCrash(`the driver dies at ${step}`);
      }
    }
    if (this.#dead) throw new FakeCrash('the driver has died');
  }

  #add(step: FakeStep, fault: Fault): void {
    this.#faults.set(step, [...(this.#faults.get(step) ?? []), fault]);
  }

  #remove(step: FakeStep, fault: Fault): void {
    this.#faults.set(
      step,
      (this.#faults.get(step) ?? []).filter((other) => other !== fault),
    );
  }
}

/** Settles as `promise` does, or rejects with the signal's reason as soon as it aborts. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
