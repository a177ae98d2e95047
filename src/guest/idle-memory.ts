import { libc } from './process/libc.ts';

/** Not less: what comes first afterwards takes 10 ms longer, because compiled code is given up too. */
const QUIET_MS = 10_000;

type CollectGarbage = (options: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/**
 * Gives memory back some seconds after the last work: V8 and the C library keep what they have once had, and a sandbox that idles
 * should cost little. It takes some 20 ms, when nobody waits for anything.
 */
export class IdleMemory {
  #timer: NodeJS.Timeout | undefined;
  #collect: CollectGarbage | undefined;

  /** To be called when there was work, which puts it off. */
  worked(): void {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#giveBack(), QUIET_MS).unref();
    else this.#timer.refresh();
  }

  #giveBack(): void {
    this.#collect ??= collector();
    this.#collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    libc().trimHeap();
  }
}

/** V8 shows its collector only to contexts that are made while this flag is set. */
function collector(): CollectGarbage {
  const [v8, vm] = [process.getBuiltinModule('node:v8'), process.getBuiltinModule('node:vm')];
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as CollectGarbage;
  v8.setFlagsFromString('--no-expose-gc');
  return collect;
}
