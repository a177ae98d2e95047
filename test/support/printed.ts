import type { Reply } from './fake-api.ts';

/** What a scripted process of the fake API tells: `start`, then these, in order; the stream ends after an `exit`. */
export type Printed = { readonly stdout: string | Uint8Array } | { readonly stderr: string | Uint8Array } | { readonly exit: number };

/** Answers with the events of a process. */
export function printEvents(reply: Reply, pid: number, events: readonly Printed[]) {
  const stream = reply.stream();
  stream.event('start', { pid });
  for (const event of events) {
    if ('exit' in event) {
      stream.event('exit', { exit_code: event.exit });
      stream.end();
    } else if ('stdout' in event) stream.event('stdout', { data: base64(event.stdout) });
    else stream.event('stderr', { data: base64(event.stderr) });
  }
  return stream;
}

function base64(bytes: string | Uint8Array): string {
  return Buffer.from(bytes as string).toString('base64');
}
