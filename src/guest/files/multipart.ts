import { GuestError } from '../guest-error.ts';

/** A part of a `multipart/form-data` body (RFC 7578). Its body is to be read, or left, before the next part is asked for. */
export interface FormPart {
  /** The field that it belongs to. */
  readonly name: string;
  readonly filename?: string;
  readonly body: AsyncIterable<Buffer>;
}

const MAX_HEADERS_BYTES = 16 * 1024;
const MAX_BOUNDARY_LENGTH = 70;
const CRLF = Buffer.from('\r\n');
const BLANK_LINE = Buffer.from('\r\n\r\n');

/**
 * The boundary that a Content-Type announces.
 * @throws GuestError invalid_request when it has none, or one longer than RFC 2046 allows.
 */
export function multipartBoundary(contentType: string): string {
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s";]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2] ?? '';
  if (boundary === '' || boundary.length > MAX_BOUNDARY_LENGTH) throw malformed('its Content-Type has no usable boundary');
  return boundary;
}

/**
 * The parts of a body, in order, streamed: what is held is one chunk and the length of a boundary. A part that was not read to its end
 * is passed over.
 * @throws GuestError invalid_request when the body is malformed, or ends early.
 */
export async function* readMultipart(source: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<FormPart, void, undefined> {
  const reader = new DelimitedReader(source);
  try {
    const delimiter = Buffer.from(`\r\n--${boundary}`);
    reader.unread(CRLF); // the first delimiter may be at the very beginning
    await passOver(reader.until(delimiter));
    while (await reader.anotherPart()) {
      const disposition = parseDisposition(await readHeaders(reader));
      const bytes = reader.until(delimiter);
      yield { ...disposition, body: { [Symbol.asyncIterator]: () => unreturned(bytes) } };
      await passOver(bytes);
    }
  } finally {
    await reader.close();
  }
}

async function passOver(bytes: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of bytes);
}

/** Breaking off a loop over it must not end the generator below, which passes over the rest. */
function unreturned(bytes: AsyncGenerator<Buffer>): AsyncIterator<Buffer> {
  return { next: () => bytes.next() };
}

/** Header lines up to the blank one; of a part without any, just that. */
async function readHeaders(reader: DelimitedReader): Promise<string> {
  reader.unread(CRLF);
  const lines: Buffer[] = [];
  let length = 0;
  for await (const chunk of reader.until(BLANK_LINE)) {
    length += chunk.length;
    if (length > MAX_HEADERS_BYTES) throw malformed(`the headers of a part are longer than ${MAX_HEADERS_BYTES} bytes`);
    lines.push(chunk);
  }
  return Buffer.concat(lines).toString('utf8');
}

function parseDisposition(headers: string): { name: string; filename?: string } {
  const line = /^content-disposition:[ \t]*form-data[ \t]*(;.*)?$/im.exec(headers);
  if (line === null) throw malformed('a part has no Content-Disposition: form-data');
  const parameters = new Map<string, string>();
  for (const [, key = '', quoted, bare = ''] of (line[1] ?? '').matchAll(
    /;[ \t]*([\w*-]+)[ \t]*=[ \t]*(?:"((?:\\["\\]|[^"])*)"|([^\s";]*))/g,
  )) {
    parameters.set(key.toLowerCase(), quoted === undefined ? bare : unquote(quoted));
  }
  const name = parameters.get('name');
  if (name === undefined) throw malformed('a part has no name');
  const extended = /^utf-8'[^']*'(.*)$/i.exec(parameters.get('filename*') ?? '')?.[1];
  const filename = extended === undefined ? parameters.get('filename') : decodeExtended(extended);
  return filename === undefined ? { name } : { name, filename };
}

/** Quotes are escaped by a backslash (RFC 2616) or as browsers do, who write line ends so, too (HTML, form submission). */
function unquote(text: string): string {
  return text.replace(/\\(["\\])/g, '$1').replace(/%(22|0D|0A)/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

function decodeExtended(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed('a filename* is not percent-encoded UTF-8');
  }
}

/** Reads a stream piece by piece between delimiters. */
class DelimitedReader {
  readonly #source: AsyncIterator<Buffer>;
  #pending: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  unread(bytes: Buffer): void {
    this.#pending = Buffer.concat([bytes, this.#pending]);
  }

  /** After a boundary: whether a part follows, or this was the last one. */
  async anotherPart(): Promise<boolean> {
    while (this.#pending.length < 2) await this.#more();
    const after = this.#pending.toString('latin1', 0, 2);
    this.#pending = this.#pending.subarray(2);
    if (after !== '\r\n' && after !== '--') throw malformed('a boundary is followed by something else than a line end');
    return after === '\r\n';
  }

  /** Lets go of the stream, however much is left of it. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** What comes before `delimiter`, which is passed over. */
  async *until(delimiter: Buffer): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const end = this.#pending.indexOf(delimiter);
      const certain = end >= 0 ? end : this.#pending.length - delimiter.length + 1;
      if (certain > 0) yield this.#pending.subarray(0, certain);
      if (certain > 0 || end >= 0) this.#pending = this.#pending.subarray(Math.max(certain, 0) + (end >= 0 ? delimiter.length : 0));
      if (end >= 0) return;
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#source.next();
    if (done) throw malformed('it ends before its last boundary');
    this.#pending = this.#pending.length === 0 ? value : Buffer.concat([this.#pending, value]);
  }
}

function malformed(why: string): GuestError {
  return new GuestError('invalid_request', `the multipart body is malformed: ${why}`);
}
