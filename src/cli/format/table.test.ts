import { describe, expect, test } from 'vitest';
import { formatList, formatPairs } from './lists.ts';
import { renderFields, renderTable } from './table.ts';

describe('renderTable', () => {
  test('aligns columns, also of wide characters and colours, and ends no line with spaces', () => {
    const rows = [
      ['漢字', '\u001b[32mrunning\u001b[39m', 'x'],
      ['b', 'paused', ''],
    ];
    expect(renderTable(['ID', 'STATUS', 'NOTE'], rows)).toBe(
      ['ID     STATUS    NOTE', '漢字   \u001b[32mrunning\u001b[39m   x', 'b      paused'].join('\n'),
    );
  });

  test('prints the headings alone when there is nothing', () => {
    expect(renderTable(['ID', 'STATUS'], [])).toBe('ID   STATUS');
  });
});

test('renderFields aligns the values and leaves out what is absent', () => {
  expect(
    renderFields([
      ['Id', 'a'],
      ['Gone', undefined],
      ['Status', 'b'],
    ]),
  ).toBe('Id:      a\nStatus:  b');
});

test('lists are printed as they would be typed', () => {
  expect(formatList(['ls', '-l', 'a b', '', 'x"y', '\u001b'])).toBe('ls -l "a b" "" "x\\"y" \\x1b');
  expect(formatPairs({ A: '1', B: 'x y' })).toBe('A=1 "B=x y"');
  expect(formatPairs({})).toBeUndefined();
});
