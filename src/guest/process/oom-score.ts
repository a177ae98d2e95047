import { readFileSync, writeFileSync } from 'node:fs';

/** How much more likely a process is to be killed than the guest, in thousandths of the sandbox's memory. */
const ABOVE_GUEST = 300;
const MAX_SCORE = 1000;

/**
 * Has the kernel kill this process, and what it starts, rather than the guest when the sandbox has no memory left: one command
 * fails then, and the sandbox goes on. Source: proc(5), `oom_score_adj`; who is not root may make it higher too.
 */
export function preferInOomKill(pid: number): void {
  try {
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
    writeFileSync(`/proc/${pid}/oom_score_adj`, `${Math.min(own + ABOVE_GUEST, MAX_SCORE)}`);
  } catch {
    // it has ended already, or there is no /proc: nothing that it could not do without
  }
}
