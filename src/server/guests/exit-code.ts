import type { ProcessEvent_EndEvent } from '../../rpc/gen/process/process_pb.js';
import { malformedAnswer } from './guest-errors.ts';

/** What Go calls the signals of Linux, which is how envd tells them; by number. */
const SIGNAL_WORDS: readonly string[] = [
  'signal 0',
  'hangup',
  'interrupt',
  'quit',
  'illegal instruction',
  'trace/breakpoint trap',
  'aborted',
  'bus error',
  'floating point exception',
  'killed',
  'user defined signal 1',
  'segmentation fault',
  'user defined signal 2',
  'broken pipe',
  'alarm clock',
  'terminated',
  'stack fault',
  'child exited',
  'continued',
  'stopped (signal)',
  'stopped',
  'stopped (tty input)',
  'stopped (tty output)',
  'urgent I/O condition',
  'CPU time limit exceeded',
  'file size limit exceeded',
  'virtual timer expired',
  'profiling timer expired',
  'window changed',
  'I/O possible',
  'power failure',
  'bad system call',
];

/** How a process ended, as a shell says it: its exit code, or 128 + n when signal n ended it. @throws SandglassError `guest_unavailable`. */
export function exitCodeOf({ exited, exitCode, status }: Pick<ProcessEvent_EndEvent, 'exited' | 'exitCode' | 'status'>): number {
  if (exited) {
    if (exitCode < 0 || exitCode > 255) throw malformedAnswer(`an exit code of ${exitCode}`);
    return exitCode;
  }
  const word = /^signal: (.{1,64}?)( \(core dumped\))?$/.exec(status)?.[1];
  const number = word === undefined ? -1 : (/^signal (\d{1,2})$/.exec(word)?.[1] ?? SIGNAL_WORDS.indexOf(word));
  if (Number(number) < 1) throw malformedAnswer('a process that ended neither by itself nor by a signal');
  return 128 + Number(number);
}
