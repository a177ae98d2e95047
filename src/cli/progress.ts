import type { Cli } from './cli.ts';
import { printable } from './format/printable.ts';
import { formatBytes, formatSpan } from './format/quantities.ts';

/** One step of something that takes a while. */
export interface Step {
  readonly text: string;
  /** Bytes; a bar is drawn when both are known. */
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  /** True: bytes for each second are shown too. */
  readonly rate?: boolean | undefined;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const SPINNER_MS = 100;
const BAR_WIDTH = 24;

/**
 * Runs `task` with a line on stderr that shows how far it is and for how long it has run, from `afterMs` on; where stderr is no
 * terminal, without.
 */
export async function withProgress<T>(
  cli: Cli,
  text: string,
  task: (show: (step: Step) => void) => Promise<T>,
  { afterMs = 0 } = {},
): Promise<T> {
  if (cli.stderr.isTTY !== true) return task(() => {});
  const { SingleBar } = (await import('cli-progress')).default;
  const started = cli.now();
  const format = (_options: unknown, _params: unknown, step: Step) => renderStep(step, cli.now() - started);
  const bar = new SingleBar({ format, stream: cli.stderr, clearOnComplete: true, hideCursor: true, gracefulExit: false });
  let latest: Step = { text };
  const begin = () => bar.start(1, 0, latest);
  const timer = afterMs > 0 ? setTimeout(begin, afterMs) : undefined;
  if (timer === undefined) begin();
  try {
    return await task(({ text, done, total, rate }) => {
      latest = { text, done, total, rate }; // `undefined` clears what the step before has set
      bar.update(latest);
    });
  } finally {
    clearTimeout(timer);
    bar.stop();
  }
}

/** The line that shows `step` after `elapsedMs`. */
export function renderStep({ text, done, total, rate }: Step, elapsedMs: number): string {
  const spinner = SPINNER[Math.floor(elapsedMs / SPINNER_MS) % SPINNER.length];
  const speed = rate && done !== undefined && elapsedMs > 0 ? [`${formatBytes(Math.round((done * 1000) / elapsedMs))}/s`] : [];
  return [spinner, printable(text), ...renderBytes(done, total), ...speed, formatSpan(elapsedMs)].join('  ');
}

function renderBytes(done: number | undefined, total: number | undefined): string[] {
  if (done === undefined || (done === 0 && total === undefined)) return [];
  if (total === undefined || total <= 0) return [formatBytes(done)];
  const filled = Math.round(Math.min(1, done / total) * BAR_WIDTH);
  return [`${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`, `${formatBytes(done)} / ${formatBytes(total)}`];
}
