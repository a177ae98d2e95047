import { LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN, NAME_PATTERN } from '../../../model/labels.ts';

/*
 * The patterns of texts that clients send, each with the words that complete "… must be": a regular expression tells
 * nobody what to do.
 */

export const ENV_NAME_PATTERN = '^[A-Za-z_][A-Za-z0-9_]{0,255}$';
/** Process arguments and environment values end at the first NUL. */
export const TEXT_PATTERN = '^[^\\u0000]*$';
export const IMAGE_PATTERN = '^[^\\s\\u0000-\\u001f\\u007f]+$';
export const ABSOLUTE_PATH_PATTERN = '^/[^\\u0000-\\u001f\\u007f]*$';
export const USER_PATTERN = '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$';
/** As chmod takes it. */
export const MODE_PATTERN = '^[0-7]{1,4}$';
export const RUNTIME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
/** 1 to 65535. */
export const PORT_PATTERN = '^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$';

const WORDS = new Map([
  [ENV_NAME_PATTERN, "the name of a variable: letters, digits and '_', not beginning with a digit, 256 at most"],
  [TEXT_PATTERN, 'text without NUL characters'],
  [IMAGE_PATTERN, 'an image reference such as debian:12 or registry.example/team/image:tag, without spaces'],
  [ABSOLUTE_PATH_PATTERN, "an absolute path: it begins with '/', and has no control characters"],
  [USER_PATTERN, 'a user name or uid, optionally with :group'],
  [MODE_PATTERN, 'permission bits in octal, such as 0644'],
  [RUNTIME_PATTERN, "the name of a container runtime: 1-64 letters, digits and '.', '_', '-'"],
  [PORT_PATTERN, 'a port, 1 to 65535'],
  [NAME_PATTERN, "1-128 letters, digits and '.', '_', ':', '-', beginning with a letter or digit"],
  [LABEL_KEY_PATTERN, "1-63 letters, digits and '.', '_', '-', '/', beginning and ending with a letter or digit"],
  [LABEL_VALUE_PATTERN, 'at most 255 characters, and no control characters'],
]);

/** What a text that matches `pattern` is, in words. */
export function wordsOf(pattern: string): string {
  return WORDS.get(pattern) ?? `text that matches ${pattern}`;
}
