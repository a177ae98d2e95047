import { EXIT } from './exit-codes.ts';
import { printableLines } from './format/printable.ts';
import { hintFor } from './hints.ts';

/** A failure that the CLI itself finds. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(message: string, options: { hint?: string; exitCode?: number } = {}) {
    super(message);
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? EXIT.failure;
  }
}

/** What a signal's abort carries as its reason. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** What the abort carries as its reason when nobody reads the output any more. */
export class ClosedPipe extends Error {
  override readonly name = 'ClosedPipe';
}

/** How a failed command ends: what it tells the user, and the exit code. */
export interface Failure {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly exitCode: number;
}

/**
 * The errors of the SDK and of the server's parts are different classes with the same name and fields; `up` and `doctor`
 * meet both.
 */
interface CodedError extends Error {
  readonly code: string;
  readonly reason: string;
}

/** Whatever a command has thrown, as the user is told it. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CliError) return thrown;
  if (thrown instanceof Interrupted) return { message: 'interrupted', exitCode: EXIT.interrupted };
  if (isCoded(thrown)) return { message: thrown.message, hint: hintFor(thrown.reason), exitCode: exitCodeOf(thrown) };
  return { message: thrown instanceof Error ? thrown.message : String(thrown), exitCode: EXIT.failure };
}

/** `error: …` and `hint: …`, each on lines of its own, safe to show on a terminal. */
export function failureText({ message, hint }: Failure): string {
  const lines = printableLines(message.replace(/^error: /, ''));
  return hint === undefined ? `error: ${lines}` : `error: ${lines}\nhint: ${printableLines(hint)}`;
}

export function isCoded(thrown: unknown): thrown is CodedError {
  return thrown instanceof Error && thrown.name === 'SandglassError' && 'reason' in thrown && 'code' in thrown;
}

function exitCodeOf({ code, reason }: CodedError): number {
  if (reason === 'unreachable') return EXIT.unreachable;
  if (reason === 'invalid_options') return EXIT.usage;
  if (code === 'not_found') return EXIT.notFound;
  return code === 'deadline_exceeded' ? EXIT.timeout : EXIT.failure;
}
