/**
 * The candidate that `word` was most likely meant to be: one that begins with it (`ttl` for `ttl_secs`), or else the one
 * that fewest single-letter edits away from it, where those are at most a third of its letters, and two for short words.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const typed = word.slice(0, MAX_LENGTH).toLowerCase();
  if (typed.length >= 2) {
    const longer = candidates.find((candidate) => candidate.toLowerCase().startsWith(typed));
    if (longer !== undefined) return longer;
  }
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(typed.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate.toLowerCase());
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Longer words are cut: they come from outside, and the time grows with their length. */
const MAX_LENGTH = 64;

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
