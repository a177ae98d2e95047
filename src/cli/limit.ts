import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { parseCount } from './parse-values.ts';

const DEFAULT_LIMIT = 100;

export function addLimitOption(command: Command): Command {
  return command.option('--limit <n>', 'most to list; 0 for all', parseCount, DEFAULT_LIMIT);
}

/** The first `limit` of `items` that `isShown` lets through; all of them for 0. Says so on stderr when there are more. */
export async function takeUpTo<T>(
  cli: Cli,
  limit: number,
  items: AsyncIterable<T>,
  isShown: (item: T) => boolean = () => true,
): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) {
    if (!isShown(item)) continue;
    if (taken.length === limit && limit > 0) {
      cli.note(`only the newest ${limit} are listed; --limit 0 lists all`);
      break;
    }
    taken.push(item);
  }
  return taken;
}
