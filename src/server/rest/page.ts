import type { PageRequest } from '../../control/requests.ts';
import { compact } from '../../lib/compact.ts';

const DEFAULT_LIMIT = 100;

/** The page that a query asks for. */
export function parsePage({ limit = DEFAULT_LIMIT, cursor }: { limit?: number; cursor?: string }): PageRequest {
  return compact({ limit, cursor });
}
