import { existsSync, globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeSpansOf, tableOf } from '../../test/support/markdown.ts';
import { SANDBOX_INVARIANTS } from '../../test/support/sandbox-invariants.ts';
import { SNAPSHOT_INVARIANTS } from '../../test/support/snapshot-invariants.ts';
import { SANDBOX_TABLE, SNAPSHOT_TABLE } from '../../test/support/state-transition-table.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const LIVENESS = read('src/model/liveness.test.ts');

/** All code that the specifications speak of, as one text. */
const CODE = globSync(['src/{lib,model,control}/**/*.ts', 'test/support/*.ts'], { cwd: ROOT }).map(read).join('\n');

type Expected = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Each with how many claims of liveness it makes. */
const SPECS: readonly [string, string, Expected, object, number][] = [
  ['snapshots', 'docs/spec/snapshot-lifecycle.md', SNAPSHOT_TABLE, SNAPSHOT_INVARIANTS, 2],
  ['sandboxes', 'docs/spec/sandbox-lifecycle.md', SANDBOX_TABLE, SANDBOX_INVARIANTS, 3],
];

const unquoted = (cell: string) => cell.replace(/^`(.*)`$/, '$1');
const firstColumn = (rows: readonly (readonly string[])[]) => rows.map(([first = '']) => unquoted(first));
const outcomesIn = (cell: string) => cell.split(' · ').map((outcome) => outcome.replace(/ \([a-z]\)$/, ''));
/** The footnotes that a text refers to or explains, such as `(a)`. */
const footnotesIn = (text: string) => [...new Set(text.match(/\([a-z]\)/g))].sort();

for (const [name, path, expected, invariants, claimCount] of SPECS) {
  const spec = read(path);
  const transitions = tableOf(spec, 'event', ...Object.keys(expected).slice(0, 1));

  describe(`the specification of ${name}`, () => {
    it('explains every state, and no other', () => {
      expect(firstColumn(tableOf(spec, 'state', 'meaning').rows).sort()).toEqual(Object.keys(expected).sort());
    });

    it('explains every event, and no other', () => {
      const events = Object.keys(Object.values(expected)[0] ?? {}).sort();
      expect(firstColumn(tableOf(spec, 'event', 'what has happened').rows).sort()).toEqual(events);
    });

    it('has the table of transitions that the code is held to', () => {
      const [, ...states] = transitions.header;
      const rowsOf = (column: number) =>
        transitions.rows.map(([event = '', ...cells]) => [unquoted(event), outcomesIn(cells[column] ?? '').sort()]);
      const documented = Object.fromEntries(states.map((state, column) => [state, Object.fromEntries(rowsOf(column))]));
      const sorted = Object.entries(expected).map(([state, row]) => [
        state,
        Object.fromEntries(Object.entries(row).map(([event, cells]) => [event, cells.toSorted()])),
      ]);
      expect(documented).toEqual(Object.fromEntries(sorted));
    });

    it('says which of several outcomes applies when, and explains no footnote that is not used', () => {
      for (const cell of transitions.rows.flat()) {
        const outcomes = cell.split(' · ').filter((outcome) => outcome !== 'stale');
        if (outcomes.length > 1) for (const outcome of outcomes) expect(outcome).toMatch(/ \([a-z]\)$/);
      }
      const used = footnotesIn(transitions.rows.flat().join(' '));
      expect(footnotesIn(spec.match(/^- \([a-z]\)[\s\S]*?(?=\n\n)/m)?.[0] ?? '')).toEqual(used);
    });

    it('lists the invariants that are checked, each with the code that enforces it', () => {
      const { rows } = tableOf(spec, 'invariant', 'what holds', 'enforced by');
      expect(firstColumn(rows)).toEqual(Object.keys(invariants));
      for (const [invariant, , enforcedBy = ''] of rows) {
        const names = codeSpansOf(enforcedBy);
        expect(names, `enforcement of ${invariant}`).not.toEqual([]);
        for (const enforcer of names) expect(CODE).toMatch(new RegExp(`\\b(?:function|const|class|interface) ${enforcer}\\b`));
      }
    });

    it('claims of liveness only what a test of that name shows', () => {
      const claims = Array.from(spec.matchAll(/^- \*([^*]+)\*/gm), ([, claim = '']) => claim.replaceAll('\n', ' ').replace(/ +/g, ' '));
      expect(claims).toHaveLength(claimCount);
      for (const claim of claims) expect(LIVENESS).toContain(`it('${claim}'`);
    });

    it('names nothing that is not there', () => {
      for (const code of codeSpansOf(spec)) {
        if (code.includes('/')) expect(existsSync(join(ROOT, code)), code).toBe(true);
        else for (const word of code.match(/[A-Za-z_][\w-]*/g) ?? []) expect(CODE, `${code} in ${path}`).toContain(word);
      }
    });
  });
}
