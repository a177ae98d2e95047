import type { OutputStream } from './launched.ts';
import type { OutputBudget } from './output-budget.ts';

/** Bytes that were printed one after the other to one stream. */
export interface OutputChunk {
  readonly stream: OutputStream;
  /** Position of the first byte, counted over all streams of the process from its start. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What keeping the output of a process may cost: 256 KiB of it, and what surrounds that. */
const KEPT_COST = 320 * 1024;
/** When a reader lags so many bytes behind, no more is read of the process; fewer when all processes together keep too much. */
const MAX_LAG = 128 * 1024;
const MAX_LAG_IN_NEED = 16 * 1024;
/** Small outputs are gathered in segments of this size. */
const SEGMENT_BYTES = 16 * 1024;
const MIN_SEGMENT_BYTES = 64;
/** What a segment costs besides its bytes. */
const SEGMENT_COST = 128;

interface Segment {
  readonly stream: OutputStream;
  readonly offset: number;
  buffer: Uint8Array;
  length: number;
}

/**
 * The last output of one process. Unattended, the oldest of it is dropped when it gets too much. With readers, nothing is
 * dropped that one of them has not read; `isFull` says then that no more should be appended.
 */
export class OutputLog {
  readonly #budget: OutputBudget;
  readonly #onRoom: () => void;
  readonly #segments: Segment[] = [];
  readonly #readers = new Set<OutputReader>();
  #cost = 0;
  #end = 0;
  #sent = 0;
  #wake = Promise.withResolvers<void>();

  /** @param onRoom called when `isFull` may have become false. */
  constructor(budget: OutputBudget, onRoom: () => void) {
    this.#budget = budget;
    this.#onRoom = onRoom;
    budget.add(this);
  }

  /** Offset behind the last byte. */
  get end(): number {
    return this.#end;
  }

  /** Offset of the first byte that is kept. */
  get start(): number {
    return this.#segments[0]?.offset ?? this.#end;
  }

  /** What keeping it costs, in bytes. */
  get cost(): number {
    return this.#cost;
  }

  get isFull(): boolean {
    return this.#end - this.#neededFrom() >= (this.#budget.isSpent ? MAX_LAG_IN_NEED : MAX_LAG);
  }

  append(stream: OutputStream, bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      const segment = this.#openSegment(stream, rest.length);
      const part = rest.subarray(0, segment.buffer.length - segment.length);
      segment.buffer.set(part, segment.length);
      segment.length += part.length;
      this.#end += part.length;
      rest = rest.subarray(part.length);
    }
    this.trim(KEPT_COST);
    this.#budget.enforce();
    this.changed();
  }

  /** Drops the oldest that no reader needs until the rest costs at most `cost`. */
  trim(cost: number): void {
    const neededFrom = this.#neededFrom();
    let count = 0;
    for (const segment of this.#segments) {
      if (this.#cost <= cost || segment.offset + segment.length > neededFrom) break;
      this.#pay(-SEGMENT_COST - segment.buffer.length);
      count++;
    }
    this.#segments.splice(0, count);
  }

  /** Drops everything, for good. */
  drop(): void {
    this.#pay(-this.#cost);
    this.#segments.length = 0;
    this.#budget.remove(this);
  }

  /** @param from offset to read from, or from the next one that is kept; without it, what nobody has been sent yet. */
  read(from = this.#sent): OutputReader {
    const position = Math.min(Math.max(from, this.start), this.#end);
    const reader: OutputReader = new OutputReader(position, {
      at: (offset) => this.#chunkAt(offset),
      moved: (offset) => {
        this.#sent = Math.max(this.#sent, offset);
        this.#onRoom();
      },
      closed: () => {
        this.#readers.delete(reader);
        this.trim(KEPT_COST);
        this.#onRoom();
      },
    });
    this.#readers.add(reader);
    return reader;
  }

  /** Resolves at the next append, or other change of the process. */
  get nextChange(): Promise<void> {
    return this.#wake.promise;
  }

  /** Wakes who waits for `nextChange`. */
  changed(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  #neededFrom(): number {
    let needed = this.#end;
    for (const { position } of this.#readers) needed = Math.min(needed, position);
    return needed;
  }

  #chunkAt(offset: number): OutputChunk | undefined {
    const segment = this.#segments.find((each) => offset < each.offset + each.length);
    if (segment === undefined) return undefined;
    return { stream: segment.stream, offset, bytes: segment.buffer.subarray(offset - segment.offset, segment.length) };
  }

  /** A segment of this stream at the end of the log, with room for at least a byte. */
  #openSegment(stream: OutputStream, length: number): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.stream === stream) {
      if (last.length < last.buffer.length) return last;
      if (last.buffer.length < SEGMENT_BYTES) return this.#grow(last, length);
    }
    const segment = { stream, offset: this.#end, buffer: allocate(Math.max(length, MIN_SEGMENT_BYTES)), length: 0 };
    this.#pay(SEGMENT_COST + segment.buffer.length);
    this.#segments.push(segment);
    return segment;
  }

  /** Readers may hold views of the old buffer, so it stays as it is. */
  #grow(segment: Segment, length: number): Segment {
    const buffer = allocate(Math.min(SEGMENT_BYTES, Math.max(2 * segment.length, segment.length + length)));
    buffer.set(segment.buffer.subarray(0, segment.length));
    this.#pay(buffer.length - segment.buffer.length);
    segment.buffer = buffer;
    return segment;
  }

  #pay(cost: number): void {
    this.#cost += cost;
    this.#budget.pay(cost);
  }
}

/** A log as its readers see it. */
interface ReadableLog {
  at(offset: number): OutputChunk | undefined;
  /** Takes the position that a reader has come to. */
  moved(offset: number): void;
  closed(): void;
}

/** Reads a log from an offset on, in order. While it is open, what it has not passed is kept. */
export class OutputReader {
  #position: number;
  readonly #log: ReadableLog;

  constructor(position: number, log: ReadableLog) {
    this.#position = position;
    this.#log = log;
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** What comes next, if it is there already. It comes again until `pass`. The bytes stay what they are. */
  peek(): OutputChunk | undefined {
    return this.#log.at(this.#position);
  }

  /** Goes on behind a chunk, which counts as sent from now on. */
  pass({ offset, bytes }: OutputChunk): void {
    this.#position = offset + bytes.length;
    this.#log.moved(this.#position);
  }

  close(): void {
    this.#log.closed();
  }
}

/** Not from Node's pool: a small piece would keep all of the pool alive. */
function allocate(length: number): Uint8Array {
  return Buffer.allocUnsafeSlow(length);
}
