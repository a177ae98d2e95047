import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { SandglassError } from '../model/errors.ts';

/** What a guest is told about its sandbox when it starts: the only way that environment and secrets get into a sandbox. */
export interface GuestInit {
  /** Variables of the image, the sandbox and its secrets, merged. */
  readonly env: Readonly<Record<string, string>>;
  /** Whom processes run as by default: name, uid, `name:group` or `uid:gid`; root otherwise. */
  readonly user?: string;
  /** Where processes run by default; the home of the user otherwise. */
  readonly workdir?: string;
  /** Program and arguments, at least one, that the guest runs as its child, and ends with. */
  readonly entrypoint?: readonly string[];
}

/** Most bytes of an answer that are read. Of its headers, Node reads 16 KiB. */
const MAX_ANSWER_BYTES = 64 * 1024;
const TIMEOUT_MS = 30_000;

/**
 * Initialises the guest at the other end of `connection`, which is used up. Resolves when a command can run, and the entrypoint
 * does. A repeated call is answered as the first one was.
 * @throws SandglassError `entrypoint_failed` with what the guest says; `guest_unavailable` when its answer is none.
 */
export async function initGuest(connection: Duplex, init: GuestInit, signal: AbortSignal): Promise<void> {
  const body = Buffer.from(JSON.stringify(init));
  const headers = { host: 'guest', 'content-type': 'application/json', 'content-length': body.length, connection: 'close' };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const posting = request({ method: 'POST', path: '/init', headers, createConnection: () => connection, signal: limit });
    posting.end(body);
    const answer = await answerTo(posting);
    const status = answer.statusCode ?? 0;
    const text = await readText(answer);
    if (status >= 200 && status < 300) return;
    throw refusal(status, text);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SandglassError) throw error;
    const message = limit.aborted ? `it has not answered for ${TIMEOUT_MS / 1000} s` : (error as Error).message;
    throw new SandglassError('guest_unavailable', `the guest of the sandbox cannot be initialised: ${message}`, { cause: error });
  } finally {
    connection.destroy();
  }
}

function answerTo(posting: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    posting.on('response', resolve).on('error', reject);
  });
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Of what a guest says about itself, only that its entrypoint failed, and why, is believed: it harms nobody else. */
function refusal(status: number, text: string): SandglassError {
  const { reason, message } = parse(text);
  if (reason === 'entrypoint_failed') return new SandglassError(reason, `the entrypoint cannot be started: ${message}`);
  return new SandglassError('guest_unavailable', `the guest of the sandbox answers with status ${status}: ${message}`);
}

function parse(text: string): { readonly reason?: unknown; readonly message: string } {
  try {
    const { reason, message } = Object(JSON.parse(text)) as Record<string, unknown>;
    return { reason, message: printable(String(message)) };
  } catch {
    return { message: printable(text) };
  }
}

/** One line, without control characters: it is shown to people. */
function printable(text: string): string {
  return text
    .replaceAll(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, 1000);
}
