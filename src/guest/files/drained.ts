/** A stream of Node or of streamx, which is what tar-stream has. */
interface Sink {
  readonly destroyed: boolean;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/**
 * Resolves when a stream takes more.
 * @throws Error when it is closed instead.
 */
export function drained(stream: Sink): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      stream.off('drain', onDrain);
      stream.off('close', onClose);
      then();
    };
    const onDrain = () => settle(resolve);
    const onClose = () => settle(() => reject(new Error('the stream was closed before all was written')));
    if (stream.destroyed) return onClose();
    stream.on('drain', onDrain);
    stream.on('close', onClose);
  });
}
