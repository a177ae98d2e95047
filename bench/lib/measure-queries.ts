import type { BenchContext } from './benchmark.ts';
import { exampleName, exampleSandboxId, exampleSnapshotId, FILTERS, NAMESPACE } from './example-snapshots.ts';
import type { HttpClient } from './http-client.ts';
import { interleave, timed } from './interleave.ts';
import { type Bound, type Measurement, measurement } from './measurement.ts';

interface Query {
  readonly name: string;
  /** Path below the namespace. `number` is that of a snapshot chosen at random. */
  path(number: number): string;
  readonly rounds: { readonly full: number; readonly quick: number };
  readonly bounds: readonly Bound[];
}

const GET_ROUNDS = { full: 10_000, quick: 500 };
const LIST_ROUNDS = { full: 500, quick: 50 };
const GET_BOUNDS: readonly Bound[] = [{ of: 'p99', limit: 5 }];
const LIST_BOUNDS: readonly Bound[] = [{ of: 'p90', limit: 20 }];

const list = (name: string, query: (number: number) => string): Query => ({
  name: `list: ${name}`,
  path: (number) => `/snapshots?limit=100${query(number)}`,
  rounds: LIST_ROUNDS,
  bounds: LIST_BOUNDS,
});

const QUERIES: readonly Query[] = [
  { name: 'get', path: (number) => `/snapshots/${exampleSnapshotId(number)}`, rounds: GET_ROUNDS, bounds: GET_BOUNDS },
  list('the 100 newest', () => ''),
  list('status, 98 % have it', () => `&status=${FILTERS.commonStatus}`),
  list('status, 2 % have it', () => `&status=${FILTERS.rareStatus}`),
  list('label, 0.5 % have it', () => `&label=${encodeURIComponent(FILTERS.label)}`),
  list('name, up to 100 have it', (number) => `&name=${exampleName(number)}`),
  list('sandbox, 10 are of it', (number) => `&sandbox_id=${exampleSandboxId(number)}`),
];

/** How long the server takes to answer, over HTTP on one kept connection, one request at a time. */
export async function* measureQueries(
  http: HttpClient,
  size: number,
  label: string,
  { quick, signal }: BenchContext,
): AsyncGenerator<Measurement> {
  const ask = (path: string) => () => timed(() => http.json('GET', path));
  for (const { name, path, rounds, bounds } of QUERIES) {
    const { query, health } = await interleave(
      {
        query: () => ask(`/v1/namespaces/${NAMESPACE}${path(Math.floor(Math.random() * size))}`)(),
        health: ask('/health'),
      },
      { warmups: 50, rounds: quick ? rounds.quick : rounds.full, signal },
    );
    yield measurement({
      name: `${name}, ${label}`,
      unit: 'ms',
      ours: query,
      baseline: { name: 'GET /health', values: health },
      bounds,
    });
  }
}
