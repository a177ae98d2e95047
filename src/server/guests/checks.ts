import { malformedAnswer } from './guest-errors.ts';

/** Longest text in what a guest tells: an argument of a process, 128 KiB on Linux. */
const MAX_TEXT_LENGTH = 131_072;

/** Text of a guest, of bounded length. It may hold any characters: file names do. @throws SandglassError `guest_unavailable`. */
export function checkText(field: string, text: string, maxLength = MAX_TEXT_LENGTH): string {
  if (text.length > maxLength) throw malformedAnswer(`${field} is longer than ${maxLength} characters`);
  return text;
}

/** A whole number of a guest, from 0 to `max`. @throws SandglassError `guest_unavailable`. */
export function checkNumber(field: string, value: bigint | number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (value < 0 || value > max) throw malformedAnswer(`${field} is not between 0 and ${max}`);
  return Number(value);
}
