import { SandglassError } from '../model/errors.ts';

/*
 * Checks for what comes over the wire: everything from the other side is hostile until it has passed one.
 * Each throws SandglassError `invalid_request` that names the field.
 */

/** The error for a field that can't be what it is. */
export function malformed(field: string, problem: string): SandglassError {
  return new SandglassError('invalid_request', `malformed message: ${field} ${problem}`, { details: { field } });
}

/** A message or oneof that must be there. */
export function present<T>(field: string, value: T | undefined): T {
  if (value === undefined) throw malformed(field, 'is missing');
  return value;
}

/** Text of at most `maxLength` characters. */
export function boundedText(field: string, value: string, maxLength: number): string {
  if (value.length > maxLength) throw malformed(field, `is longer than ${maxLength} characters`);
  return value;
}

/** Short text that is shown to people: bounded, and without control characters, which terminals obey. */
export function plainText(field: string, value: string, maxLength = 256): string {
  if (/\p{Cc}/u.test(value)) throw malformed(field, 'has control characters');
  return boundedText(field, value, maxLength);
}

/** At most `maxBytes` bytes. */
export function boundedBytes(field: string, value: Uint8Array, maxBytes: number): Uint8Array {
  if (value.length > maxBytes) throw malformed(field, `is longer than ${maxBytes} bytes`);
  return value;
}

/** A whole number from 0 to `max`. */
export function wholeNumber(field: string, value: bigint | number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (value < 0 || value > max) throw malformed(field, `is not between 0 and ${max}`);
  const number = Number(value);
  if (!Number.isInteger(number)) throw malformed(field, 'is not a whole number');
  return number;
}

/** A finite number above 0. */
export function positiveNumber(field: string, value: number): number {
  if (!Number.isFinite(value) || value <= 0) throw malformed(field, 'is not a number above 0');
  return value;
}

/** At most `maxItems` items, each through `check`. */
export function boundedList<T, U>(field: string, items: readonly T[], maxItems: number, check: (item: T) => U): U[] {
  if (items.length > maxItems) throw malformed(field, `has more than ${maxItems} items`);
  return items.map(check);
}

/** A number as an int32 field: rounded, within 0 and what fits. A message with any other could not be sent at all. */
export function int32(value: number): number {
  return Math.min(2 ** 31 - 1, Number(int64(value)));
}

/** A number as an int64 field: rounded, because engines and clocks also give fractions. Negative and absent become 0. */
export function int64(value: number): bigint {
  return value > 0 ? BigInt(Math.round(Math.min(value, Number.MAX_SAFE_INTEGER))) : 0n;
}
