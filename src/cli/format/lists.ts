import { printable } from './printable.ts';

/** Words as they would be typed, those with spaces in quotes; undefined for none. */
export function formatList(words: readonly string[]): string | undefined {
  return words.length === 0
    ? undefined
    : words.map((word) => (/^[^\s"]+$/.test(word) ? printable(word) : printable(JSON.stringify(word)))).join(' ');
}

/** `key=value` pairs, likewise. */
export function formatPairs(pairs: Readonly<Record<string, string>>): string | undefined {
  return formatList(Object.entries(pairs).map(([key, value]) => `${key}=${value}`));
}

/** Container runtimes as people name them: engines list aliases such as io.containerd.runc.v2 beside `runc`. */
export function formatRuntimes(runtimes: readonly string[]): string {
  return printable(runtimes.filter((name) => !name.startsWith('io.containerd.')).join(','));
}
