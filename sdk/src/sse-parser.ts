/** One event of a `text/event-stream`. */
export interface SseEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  readonly data: string;
  /** The latest id that the stream gave, with this event or an earlier one; empty before the first. */
  readonly id: string;
}

/** Longest event that is buffered, in UTF-16 code units: a stream that never ends one is broken. */
const MAX_EVENT_LENGTH = 64 * 1024 * 1024;

/**
 * Turns the text of an event stream, cut anywhere, into events. An event that the stream does not complete is dropped.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class SseParser {
  /** Pieces of the line that has not ended yet; joined once, so that a long line costs linear time. */
  #pieces: string[] = [];
  #piecesLength = 0;
  #data: string[] = [];
  #dataLength = 0;
  #type = '';
  #id = '';
  #atStart = true;
  /** The text so far ended in CR: a LF right after belongs to it. */
  #afterCr = false;

  /** The events that `chunk` completes, in order. @throws RangeError when one event grows beyond all bounds. */
  push(chunk: string): SseEvent[] {
    const events: SseEvent[] = [];
    let start = this.#skipStart(chunk);
    const lineEnd = /\r\n?|\n/g;
    lineEnd.lastIndex = start;
    for (let match = lineEnd.exec(chunk); match !== null; match = lineEnd.exec(chunk)) {
      const line = this.#completeLine(chunk.slice(start, match.index));
      start = lineEnd.lastIndex;
      const event = this.#interpret(line);
      if (event !== undefined) events.push(event);
    }
    if (chunk !== '') this.#afterCr = chunk.endsWith('\r');
    this.#keep(chunk.slice(start));
    return events;
  }

  /** Where `chunk` begins, past a byte order mark at the start of the stream and past the LF of a CRLF that was cut in two. */
  #skipStart(chunk: string): number {
    if (chunk === '') return 0;
    const skipped = (this.#atStart && chunk.startsWith('\uFEFF')) || (this.#afterCr && chunk.startsWith('\n')) ? 1 : 0;
    this.#atStart = false;
    return skipped;
  }

  #keep(piece: string): void {
    if (piece === '') return;
    this.#pieces.push(piece);
    this.#piecesLength += piece.length;
    this.#checkLength();
  }

  #completeLine(last: string): string {
    const line = this.#pieces.length === 0 ? last : this.#pieces.join('') + last;
    this.#pieces = [];
    this.#piecesLength = 0;
    return line;
  }

  #checkLength(): void {
    if (this.#piecesLength + this.#dataLength > MAX_EVENT_LENGTH) {
      throw new RangeError(`an event is longer than ${MAX_EVENT_LENGTH} characters`);
    }
  }

  #interpret(line: string): SseEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data.push(value);
      this.#dataLength += value.length;
      this.#checkLength();
    } else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return undefined; // others mean nothing here: whoever reads the stream has a backoff of its own instead of `retry`
  }

  #dispatch(): SseEvent | undefined {
    const hasData = this.#data.length > 0;
    const event = { type: this.#type === '' ? 'message' : this.#type, data: this.#data.join('\n'), id: this.#id };
    this.#data = [];
    this.#dataLength = 0;
    this.#type = '';
    return hasData ? event : undefined;
  }
}
