import pino from 'pino';
import type { Logger } from '../lib/logger.ts';
import { prettyLine } from './pretty-line.ts';

export interface LoggerOptions {
  /** Least important lines that are written. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `auto`: `pretty` when `output` is a terminal, else `json`. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** By default standard error: standard output belongs to what commands answer. */
  readonly output?: LogOutput;
}

/** A stream that takes whole lines. */
export interface LogOutput {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'secrets',
  'secretEnv',
  'token',
  'joinToken',
  'join_token',
  'apiKey',
  'api_key',
] as const;

/** The logging port, backed by pino. Fields that name a secret are masked, at the top and up to three levels down. */
export function createLogger({ level, format, output = process.stderr }: LoggerOptions): Logger {
  const pretty = format === 'pretty' || (format === 'auto' && output.isTTY === true);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.errWithCause, error: pino.stdSerializers.errWithCause },
      redact: { paths: redactedPaths(), censor: '[redacted]' },
    },
    { write: (line: string) => output.write(pretty ? prettyLine(line) : line) },
  );
}

function redactedPaths(): string[] {
  const levels = ['', '*.', '*.*.', '*.*.*.'];
  return levels.flatMap((level) => [...SECRET_FIELDS.map((field) => `${level}${field}`), `${level.replace(/\.$/, '')}["x-api-key"]`]);
}
