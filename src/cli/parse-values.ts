import { InvalidArgumentError } from 'commander';

const SECONDS_OF = new Map([
  ['', 1],
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
]);
const MEBIBYTES_OF = new Map([
  ['', 1],
  ['m', 1],
  ['mb', 1],
  ['mib', 1],
  ['g', 1024],
  ['gb', 1024],
  ['gib', 1024],
]);

/** `90`, `90s`, `15m`, `2h` or `14d` in seconds. */
export function parseDuration(text: string): number {
  const { amount, unit } = parseAmount(text);
  const seconds = SECONDS_OF.get(unit);
  if (amount === undefined || seconds === undefined) throw new InvalidArgumentError('Write it as 90, 90s, 15m, 2h or 14d.');
  return Math.round(amount * seconds);
}

/** `512`, `512m` or `2g` in mebibytes. */
export function parseMemory(text: string): number {
  const { amount, unit } = parseAmount(text);
  const mebibytes = MEBIBYTES_OF.get(unit);
  if (amount === undefined || mebibytes === undefined) throw new InvalidArgumentError('Write it as 512, 512m or 2g.');
  return Math.round(amount * mebibytes);
}

export function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}

export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/** Collects a repeated option of whole numbers. */
export function collectCounts(text: string, previous: readonly number[] = []): readonly number[] {
  return [...previous, parseCount(text)];
}

/** Collects a repeated `key=value` option; of the same key, the last counts. */
export function collectPairs(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('Write it as key=value.');
  return { ...previous, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/**
 * Collector of a repeated `NAME=value` option, or just `NAME` for the value of that variable of the environment: the way to
 * pass a secret without writing it where other users of the machine, or the shell's history, can see it.
 */
export function collectVariables(env: Readonly<Record<string, string | undefined>>) {
  return (text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => {
    if (text.includes('=')) return collectPairs(text, previous);
    const value = env[text];
    if (value === undefined) throw new InvalidArgumentError(`There is no variable ${text} in the environment.`);
    return { ...previous, [text]: value };
  };
}

function parseAmount(text: string): { amount: number | undefined; unit: string } {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)([a-z]*)$/i.exec(text);
  return { amount: match?.[1] === undefined ? undefined : Number(match[1]), unit: match?.[2]?.toLowerCase() ?? '' };
}
