import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Revision, ScanRequest, Store } from '../../src/store/store.ts';
import type { StoreFactory } from './store-contract.ts';

/** Any sequence of commits and reads, held against a plain map. */
export function storeModelContract(factory: StoreFactory): void {
  test('behaves as a sorted map with revisions, for any sequence of commits and scans', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const store = await factory.open({});
        try {
          const model = new Model();
          for (const { commits, scan } of steps) {
            await commitTogether(store, model, commits);
            expect(await scanOf(store, scan)).toEqual(model.scan(scan));
          }
        } finally {
          await store.close();
        }
      }),
      { numRuns: 40 },
    );
  });
}

interface ModelCommit {
  /** Keys to check; `right: false` checks for what is not so. */
  readonly checks: readonly { readonly key: string; readonly right: boolean }[];
  readonly puts: readonly { readonly key: string; readonly text: string }[];
  readonly deletes: readonly string[];
}

const key = fc.array(fc.constantFrom('a', 'b', '/', '~', ' '), { minLength: 1, maxLength: 4 }).map((characters) => characters.join(''));
const bound = fc.option(
  fc.array(fc.constantFrom('a', '/', '~'), { maxLength: 2 }).map((characters) => characters.join('')),
  { nil: undefined },
);

const commit: fc.Arbitrary<ModelCommit> = fc
  .record({
    checks: fc.array(fc.record({ key, right: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)) }), {
      maxLength: 2,
    }),
    puts: fc.uniqueArray(fc.record({ key, text: fc.string({ maxLength: 5 }) }), { maxLength: 4, selector: (put) => put.key }),
    deletes: fc.uniqueArray(key, { maxLength: 2 }),
  })
  .map(({ deletes, ...rest }) => ({ ...rest, deletes: deletes.filter((deleted) => rest.puts.every((put) => put.key !== deleted)) }));

const scan: fc.Arbitrary<ScanRequest> = fc
  .record({
    prefix: fc.constantFrom('', 'a', 'a/', 'b', '~'),
    after: bound,
    before: bound,
    limit: fc.integer({ min: 1, max: 8 }),
    reverse: fc.boolean(),
  })
  .map(({ prefix, after, before, limit, reverse }) => ({
    prefix,
    limit,
    reverse,
    ...(after === undefined ? {} : { after: prefix + after }),
    ...(before === undefined ? {} : { before: prefix + before }),
  }));

const step = fc.record({ commits: fc.array(commit, { minLength: 1, maxLength: 4 }), scan });

/** Commits them without waiting in between, so that an adapter that groups commits does; and likewise in the model. */
async function commitTogether(store: Store, model: Model, commits: readonly ModelCommit[]): Promise<void> {
  const before = store.revision();
  // A check for what is so names the revision as of before the group: of two such commits on one key the second may fail.
  const requests = commits.map(({ checks, puts, deletes }) => ({
    checks: checks.map(({ key, right }) => ({ key, revision: right ? model.revisionOf(key) : before + 1_000_000 })),
    puts: puts.map(({ key, text }) => ({ key, value: Buffer.from(text) })),
    deletes,
  }));
  const outcomes = await Promise.allSettled(requests.map((request) => store.commit(request)));
  for (const [index, outcome] of outcomes.entries()) {
    const request = requests[index] as (typeof requests)[number];
    const holds = request.checks.every(({ key, revision }) => model.revisionOf(key) === revision);
    expect(outcome.status).toBe(holds ? 'fulfilled' : 'rejected');
    if (outcome.status === 'fulfilled') model.apply(commits[index] as ModelCommit, outcome.value);
  }
}

async function scanOf(store: Store, request: ScanRequest): Promise<string[]> {
  return (await store.scan(request)).map(({ key, value, revision }) => `${key}=${Buffer.from(value).toString()}@${revision}`);
}

class Model {
  readonly #entries = new Map<string, { text: string; revision: Revision }>();

  revisionOf(key: string): Revision | undefined {
    return this.#entries.get(key)?.revision;
  }

  apply({ puts, deletes }: ModelCommit, revision: Revision): void {
    for (const { key, text } of puts) this.#entries.set(key, { text, revision });
    for (const key of deletes) this.#entries.delete(key);
  }

  scan({ prefix, after, before, limit, reverse }: ScanRequest): string[] {
    const keys = [...this.#entries.keys()].sort((a, b) => (a < b ? -1 : 1));
    const matching = keys.filter(
      (key) =>
        key.startsWith(prefix) && (before === undefined || key < before) && (after === undefined || (reverse ? key < after : key > after)),
    );
    return (reverse ? matching.reverse() : matching).slice(0, limit).map((key) => {
      const { text, revision } = this.#entries.get(key) as { text: string; revision: Revision };
      return `${key}=${text}@${revision}`;
    });
  }
}
