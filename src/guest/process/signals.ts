import { constants } from 'node:os';

/** How a process ended: by itself, or by a signal with this number. */
export type ExitStatus = { readonly code: number } | { readonly signal: number };

/** The largest number of a signal with a name: Node can't tell when one without ends a process. */
export const MAX_SIGNAL = 31;

/** What Go, in which envd is written, calls signals; clients of envd see these words. */
const WORDS: Readonly<Record<number, string>> = {
  1: 'hangup',
  2: 'interrupt',
  3: 'quit',
  4: 'illegal instruction',
  5: 'trace/breakpoint trap',
  6: 'aborted',
  7: 'bus error',
  8: 'floating point exception',
  9: 'killed',
  10: 'user defined signal 1',
  11: 'segmentation fault',
  12: 'user defined signal 2',
  13: 'broken pipe',
  14: 'alarm clock',
  15: 'terminated',
};

/** The status in words: "exit status 3", "signal: killed". */
export function describeStatus(status: ExitStatus): string {
  if ('code' in status) return `exit status ${status.code}`;
  return `signal: ${WORDS[status.signal] ?? `signal ${status.signal}`}`;
}

/** The status as a shell says it: 128 + n for signal n. */
export function shellStatus(status: ExitStatus): number {
  return 'code' in status ? status.code : 128 + status.signal;
}

/** What Node tells at the end of a child as a status. */
export function exitStatus(code: number | null, signal: NodeJS.Signals | null): ExitStatus {
  return signal === null ? { code: code ?? 0 } : { signal: constants.signals[signal] };
}
