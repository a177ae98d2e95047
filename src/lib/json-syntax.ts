/** Longer texts are not searched for the position of their mistake: the search parses them several times. */
const MAX_SEARCHED_LENGTH = 64 * 1024;

/**
 * Where `text`, which is not JSON, stops being the beginning of any JSON: an index of UTF-16 units, `text.length` when
 * it ends too early, and `undefined` when the text is too long to be searched.
 */
export function jsonErrorPosition(text: string): number | undefined {
  if (text.length > MAX_SEARCHED_LENGTH) return undefined;
  // A text with a mistake keeps it however it goes on, so that the shortest prefix with one can be found by halving.
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (hasMistake(text.slice(0, middle))) bad = middle;
    else good = middle;
  }
  return good;
}

/** True when no continuation makes `prefix` JSON. */
function hasMistake(prefix: string): boolean {
  try {
    JSON.parse(prefix);
    return false;
  } catch (error) {
    const { message } = error as SyntaxError;
    if (/end of JSON|Unterminated/.test(message)) return false;
    const position = / at position (\d+)/.exec(message)?.[1];
    return position === undefined || Number(position) < prefix.length;
  }
}

/**
 * The first string in a parsed JSON value that is not well-formed Unicode, as keys included: JSON can spell lone
 * surrogates, which neither UTF-8 nor a URL can hold.
 */
export function findMalformedText(json: unknown): string | undefined {
  const pending: unknown[] = [json];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === 'string' && !value.isWellFormed()) return value;
    if (typeof value === 'object' && value !== null) {
      for (const [key, child] of Object.entries(value)) pending.push(key, child);
    }
  }
  return undefined;
}
