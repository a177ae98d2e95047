import { type Static, Type } from 'typebox';
import { closed, envInput } from './common.ts';
import { named, oneOf } from './named.ts';
import { programInput, USER_INPUT, WORKDIR_INPUT } from './program.ts';

export const DEFAULT_EXEC_TIMEOUT_SECS = 60;
export const DEFAULT_MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
export const ENCODINGS = ['utf8', 'base64'] as const;
export type Encoding = (typeof ENCODINGS)[number];

export const ExecBody = named(
  'ExecRequest',
  Type.Object(
    {
      ...programInput,
      env: Type.Optional(envInput('On top of those of the sandbox.')),
      cwd: WORKDIR_INPUT,
      user: USER_INPUT,
      stdin: Type.Optional(Type.String({ description: 'What the command reads; without it, nothing.' })),
      stdin_encoding: Type.Optional(oneOf(ENCODINGS)),
      timeout_secs: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: 86_400,
          default: DEFAULT_EXEC_TIMEOUT_SECS,
          description: 'Killed when it runs longer.',
        }),
      ),
      encoding: Type.Optional(
        oneOf(ENCODINGS, { description: 'Of the output; utf8 without it, and then what is no UTF-8 becomes U+FFFD.' }),
      ),
      max_output_bytes: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 64 * 1024 * 1024,
          default: DEFAULT_MAX_OUTPUT_BYTES,
          description: 'Of each stream, in the JSON answer; more is dropped, and the answer says so.',
        }),
      ),
    },
    closed,
  ),
);
export type ExecBody = Static<typeof ExecBody>;

export const ExecResult = named(
  'ExecResult',
  Type.Object({
    exit_code: Type.Integer({ description: '128 + n when signal n ended it.' }),
    stdout: Type.String(),
    stderr: Type.String(),
    stdout_truncated: Type.Boolean(),
    stderr_truncated: Type.Boolean(),
    duration_ms: Type.Integer(),
  }),
);
export type ExecResult = Static<typeof ExecResult>;

export const execSchemas = [ExecBody, ExecResult];
