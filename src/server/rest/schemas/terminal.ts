import { type Static, Type } from 'typebox';
import { closed } from './common.ts';
import { TEXT_PATTERN } from './patterns.ts';
import { USER_INPUT, WORKDIR_INPUT } from './program.ts';

export const DEFAULT_COLS = 80;
export const DEFAULT_ROWS = 24;
/** Most columns and rows of a terminal. */
export const MAX_TERMINAL_SIZE = 65_535;

const size = (byDefault: number) => Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_TERMINAL_SIZE, default: byDefault }));
const text = (options: object) => Type.String({ pattern: TEXT_PATTERN, maxLength: 4096, ...options });

export const TerminalQuery = Type.Object(
  {
    cmd: Type.Optional(text({ minLength: 1, description: 'Program to run; without it, the shell of the user.' })),
    arg: Type.Optional(Type.Array(text({}), { maxItems: 256, description: 'An argument of it; may be repeated.' })),
    cols: size(DEFAULT_COLS),
    rows: size(DEFAULT_ROWS),
    user: USER_INPUT,
    cwd: WORKDIR_INPUT,
    pid: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 4_194_304, description: 'Attaches to the terminal of this process, instead of beginning one.' }),
    ),
  },
  closed,
);
export type TerminalQuery = Static<typeof TerminalQuery>;
