import pc from 'picocolors';
import type { Cli } from '../cli.ts';
import { printable } from './printable.ts';

type Colors = ReturnType<typeof pc.createColors>;

const COLOR_OF: Readonly<Record<string, 'green' | 'yellow' | 'red' | 'dim'>> = {
  running: 'green',
  active: 'green',
  online: 'green',
  ok: 'green',
  pending: 'yellow',
  starting: 'yellow',
  paused: 'yellow',
  stopping: 'yellow',
  creating: 'yellow',
  uploading: 'yellow',
  deleting: 'yellow',
  offline: 'yellow',
  warn: 'yellow',
  failed: 'red',
  lost: 'red',
  fail: 'red',
  terminated: 'dim',
};

/** Colours for stdout, where it is a terminal and the user wants them. */
export function colorsOf(cli: Cli): Colors {
  return pc.createColors(cli.color && cli.stdout.isTTY === true);
}

/** A status word in its colour, with a remark such as the reason of a failure. */
export function formatStatus(colors: Colors, status: string, remark?: string): string {
  const color = Object.hasOwn(COLOR_OF, status) ? COLOR_OF[status] : undefined;
  const text = printable(remark === undefined ? status : `${status} (${remark})`);
  return color === undefined ? text : colors[color](text);
}
