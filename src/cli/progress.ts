import type { Cli } from './cli.ts';
import { printable } from './format/printable.ts';
import { formatBytes, formatSpan } from './format/quantities.ts';

/** One step of something that takes a while. */
export interface Step {
  readonly text: string;
  /** Bytes; a bar is drawn when both are known. */
  readonly done?: number | undefined;
  readonly total?: number | undefined;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const SPINNER_MS = 100;
const BAR_WIDTH = 24;

/** Runs `task` with a line on stderr that shows how far it is and for how long it has run; where stderr is no terminal, without. */
export async function withProgress<T>(cli: Cli, text: string, task: (show: (step: Step) => void) => Promise<T>): Promise<T> {
  if (cli.stderr.isTTY !== true) return task(() => {});
  const { SingleBar } = (await import('cli-progress')).default;
  const started = cli.now();
  const format = (_options: unknown, _params: unknown, step: Step) => renderStep(step, cli.now() - started);
  const bar = new SingleBar({ format, stream: cli.stderr, clearOnComplete: true, hideCursor: true, gracefulExit: false });
  bar.start(1, 0, { text });
  try {
    // `undefined` clears what the step before has set.
    return await task((step) => bar.update({ text: step.text, done: step.done, total: step.total }));
  } finally {
    bar.stop();
  }
}

/** The line that shows `step` after `elapsedMs`. */
export function renderStep({ text, done, total }: Step, elapsedMs: number): string {
  const spinner = SPINNER[Math.floor(elapsedMs / SPINNER_MS) % SPINNER.length];
  return [spinner, printable(text), ...renderBytes(done, total), formatSpan(elapsedMs)].join('  ');
}

function renderBytes(done: number | undefined, total: number | undefined): string[] {
  if (done === undefined || (done === 0 && total === undefined)) return [];
  if (total === undefined || total <= 0) return [formatBytes(done)];
  const filled = Math.round(Math.min(1, done / total) * BAR_WIDTH);
  return [`${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`, `${formatBytes(done)} / ${formatBytes(total)}`];
}
