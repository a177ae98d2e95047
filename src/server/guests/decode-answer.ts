import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { SandglassError } from '../../model/errors.ts';
import { fromGuestFailure, malformedAnswer, REASON_HEADER } from './guest-errors.ts';

/** Fields of one message, at its top level. An empty item takes two bytes on the wire, and a hundred times as many once it is an object. */
const MAX_FIELDS = 100_000;
/** Longest field of a message that has many. */
const MAX_ITEM_BYTES = 64 * 1024;
/** Fields above which a message has many. */
const FEW_FIELDS = 64;

/** A message that a guest sent. @throws SandglassError `guest_unavailable` when it is none, or too much. */
export function decodeMessage<O extends DescMessage>(schema: O, bytes: Uint8Array): MessageShape<O> {
  try {
    checkFields(bytes);
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw malformedAnswer(`it is no ${schema.name}`, cause);
  }
}

function checkFields(bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  let fields = 0;
  let longest = 0;
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const start = reader.pos;
    reader.skip(type, number);
    if (type === WireType.LengthDelimited) longest = Math.max(longest, reader.pos - start);
    fields++;
    if (fields > MAX_FIELDS || (fields > FEW_FIELDS && longest > MAX_ITEM_BYTES)) throw new Error('too much in one message');
  }
}

/** The error that a failed unary call, or plain request, was answered with. */
export function decodeFailure(status: number, reason: unknown, body: Uint8Array): SandglassError {
  const json = parseObject(body);
  return fromGuestFailure({ reason: reason ?? json.reason, code: json.code, status, message: json.message });
}

/** The error that a stream ended with; undefined when it ended well. */
export function decodeStreamEnd(bytes: Uint8Array): SandglassError | undefined {
  const { error, metadata } = parseObject(bytes);
  if (error === undefined) return undefined;
  const { code, message } = asObject(error);
  const reasons = Object.entries(asObject(metadata)).find(([name]) => name.toLowerCase() === REASON_HEADER)?.[1];
  return fromGuestFailure({ reason: Array.isArray(reasons) ? reasons[0] : undefined, code, message });
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  try {
    return asObject(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')));
  } catch {
    return {};
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
