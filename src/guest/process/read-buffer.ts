import type { OnReadOpts } from 'node:net';
import type { TakeOutput } from './launched.ts';

/** One for all processes: what is read into it has been copied before anything else is read. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/** Has a socket read into the shared buffer, so that many processes that print little cost little. */
export function readInto(take: TakeOutput): OnReadOpts {
  return { buffer: shared, callback: (length) => take(shared.subarray(0, length)) };
}
