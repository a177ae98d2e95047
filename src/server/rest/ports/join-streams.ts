import type { Duplex } from 'node:stream';

/**
 * Carries bytes both ways until both sides have ended, each at the pace of the slower one. The end of one side is passed on
 * while the other goes on. When one breaks, the other is destroyed. Never throws.
 */
export function joinStreams(a: Duplex, b: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const closed = () => {
      if (a.closed && b.closed) resolve();
    };
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.on('error', () => to.destroy());
      from.once('close', () => {
        // It broke off, unless both of its ends have been passed on.
        if (!from.readableEnded || !from.writableFinished) to.destroy();
        closed();
      });
      from.pipe(to);
    }
    if (a.destroyed) b.destroy();
    if (b.destroyed) a.destroy();
    closed();
  });
}
