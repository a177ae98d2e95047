import type { Readable } from 'node:stream';

/**
 * What the driver tells the guest about the entrypoint: one line of JSON on the guest's standard input, because nothing
 * that the engine keeps may hold it (see docs/decisions/0003-docker-driver.md).
 */
export interface StartLine {
  /** Program and arguments, at least one. */
  readonly entrypoint: readonly string[];
  /** Complete, except for PATH, HOME and HOSTNAME when it has none. */
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
}

/** Longest line that is read. The kernel gives a program at most 2 MiB of arguments and environment anyway. */
const MAX_LENGTH = 8 * 1024 * 1024;

/**
 * Reads the line, and closes `input`.
 * @throws Error when the input ends before the line does, or the line is no start line.
 */
export async function readStartLine(input: Readable): Promise<StartLine> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input as AsyncIterable<Buffer>) {
    const end = chunk.indexOf('\n');
    chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
    if (end >= 0) return parse(Buffer.concat(chunks).toString());
    length += chunk.length;
    if (length > MAX_LENGTH) throw new Error(`the start line is longer than ${MAX_LENGTH} bytes`);
  }
  throw new Error('standard input ended before the start line did');
}

function parse(text: string): StartLine {
  const line: unknown = JSON.parse(text);
  if (!isStartLine(line)) throw new Error('the start line has the wrong shape');
  return line;
}

function isStartLine(value: unknown): value is StartLine {
  if (typeof value !== 'object' || value === null || !('entrypoint' in value) || !('env' in value)) return false;
  const { entrypoint, env } = value;
  return Array.isArray(entrypoint) && entrypoint.length > 0 && typeof env === 'object' && env !== null;
}
