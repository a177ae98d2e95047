import { CommandError } from './run.mjs';

/** Something that a person has to mend: what is wrong, and below it what to do. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {readonly string[]} [remedy] lines that say what to do
   */
  constructor(message, remedy = []) {
    super(message);
    this.name = 'SetupError';
    this.remedy = remedy;
  }
}

/**
 * A failure as the lines that a person reads.
 * @param {unknown} error
 * @returns {string}
 */
export function explain(error) {
  if (error instanceof SetupError) return [error.message, ...error.remedy.map((line) => `  ${line}`)].join('\n');
  if (error instanceof CommandError) return [error.message, ...error.tail.map((line) => `  | ${line}`)].join('\n');
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
