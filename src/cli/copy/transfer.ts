import type { Cli } from '../cli.ts';
import { formatBytes, formatDuration } from '../format/quantities.ts';
import { withProgress } from '../progress.ts';

/** A copy is shown only when it takes longer. */
const SHOW_AFTER_MS = 1_000;

/** Counts what has been copied. */
export class Transfer {
  bytes = 0;
  files = 0;
  /** Bytes in all, where known. */
  total: number | undefined;
  readonly #show: (transfer: Transfer) => void;

  constructor(show: (transfer: Transfer) => void) {
    this.#show = show;
  }

  /** The same bytes, counted as they pass. */
  async *count(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      this.add(chunk.length);
      yield chunk;
    }
  }

  add(bytes: number): void {
    this.bytes += bytes;
    this.#show(this);
  }
}

/** Runs a copy, shows at a terminal how far it is, and tells what was copied. */
export async function withTransfer(cli: Cli, text: string, copy: (transfer: Transfer) => Promise<void>): Promise<Transfer> {
  const started = cli.now();
  const task = async (show: (step: { text: string; done: number; total: number | undefined; rate: true }) => void) => {
    const transfer = new Transfer(({ bytes, total }) => show({ text, done: bytes, total, rate: true }));
    await copy(transfer);
    return transfer;
  };
  const transfer = await withProgress(cli, text, task, { afterMs: SHOW_AFTER_MS });
  const files = `${transfer.files} ${transfer.files === 1 ? 'file' : 'files'}`;
  if (cli.stderr.isTTY === true) cli.note(`copied ${files}, ${formatBytes(transfer.bytes)}, in ${formatDuration(cli.now() - started)}`);
  return transfer;
}
