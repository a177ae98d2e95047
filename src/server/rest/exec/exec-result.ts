import type { Clock } from '../../../lib/clock.ts';
import { SandglassError } from '../../../model/errors.ts';
import type { CommandOutput } from '../../command-runner.ts';
import { DEFAULT_MAX_OUTPUT_BYTES, type ExecBody, type ExecResult } from '../schemas/exec.ts';
import { OutputBuffer } from './output-buffer.ts';

/**
 * Reads a command to its end.
 * @throws whatever `output` throws; `exec_timeout` with what has been printed until then in its details.
 */
export async function collectExec(output: AsyncIterable<CommandOutput>, body: ExecBody, clock: Clock): Promise<ExecResult> {
  const { encoding = 'utf8', max_output_bytes = DEFAULT_MAX_OUTPUT_BYTES } = body;
  const stdout = new OutputBuffer(max_output_bytes);
  const stderr = new OutputBuffer(max_output_bytes);
  const startedAt = clock.now();
  const printed = () => ({
    stdout: stdout.toString(encoding),
    stderr: stderr.toString(encoding),
    stdout_truncated: stdout.truncated,
    stderr_truncated: stderr.truncated,
    duration_ms: Math.max(0, clock.now() - startedAt),
  });
  let exitCode: number | undefined;
  try {
    for await (const part of output) {
      if ('stdout' in part) stdout.add(part.stdout);
      else if ('stderr' in part) stderr.add(part.stderr);
      else exitCode = part.exitCode;
    }
  } catch (error) {
    if (!(error instanceof SandglassError) || error.reason !== 'exec_timeout') throw error;
    throw new SandglassError('exec_timeout', error.message, { details: printed() });
  }
  if (exitCode === undefined) throw new Error('the output of a command ended without its exit code');
  return { exit_code: exitCode, ...printed() };
}
