import { Type } from 'typebox';
import { ABSOLUTE_PATH_PATTERN, TEXT_PATTERN, USER_PATTERN } from './patterns.ts';

const text = (options: { description: string; minLength?: number }) =>
  Type.Optional(Type.String({ pattern: TEXT_PATTERN, maxLength: 131_072, ...options }));

/** What is to be run, as every route that runs something takes it. */
export const programInput = {
  cmd: text({ minLength: 1, description: 'Program to run. Either this or `shell`.' }),
  args: Type.Optional(Type.Array(Type.String({ pattern: TEXT_PATTERN, maxLength: 131_072 }), { maxItems: 4096 })),
  shell: text({ minLength: 1, description: 'A line for the /bin/sh of the image.' }),
};

export const WORKDIR_INPUT = Type.Optional(Type.String({ pattern: ABSOLUTE_PATH_PATTERN, maxLength: 4096 }));
export const USER_INPUT = Type.Optional(Type.String({ pattern: USER_PATTERN }));
