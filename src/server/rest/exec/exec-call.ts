import type { Control } from '../../../control/control.ts';
import { compact } from '../../../lib/compact.ts';
import { SandglassError } from '../../../model/errors.ts';
import type { Namespace, SandboxId } from '../../../model/ids.ts';
import { invalidField } from '../invalid-request.ts';
import { runningSandbox } from '../running-sandbox.ts';
import { DEFAULT_EXEC_TIMEOUT_SECS, type ExecBody } from '../schemas/exec.ts';
import type { CommandCall } from './command-output.ts';

/**
 * What is to be run, and where, from the body of a request and the sandbox that it names.
 * @throws SandglassError `sandbox_not_found`, `sandbox_not_running`, `invalid_request`.
 */
export async function parseExec(control: Pick<Control, 'getSandbox'>, ns: Namespace, id: SandboxId, body: ExecBody): Promise<CommandCall> {
  const command = parseCommand(body);
  const stdin = parseStdin(body);
  return {
    target: await runningSandbox(control, ns, id),
    stdin,
    timeoutSecs: body.timeout_secs ?? DEFAULT_EXEC_TIMEOUT_SECS,
    request: compact({ command, env: body.env ?? {}, workdir: body.cwd, user: body.user }),
  };
}

/** What went wrong, in terms of what the client sent: it has never named the /bin/sh that was not found. */
export function explainExecError(thrown: unknown, body: Pick<ExecBody, 'shell'>): SandglassError {
  const error = SandglassError.from(thrown);
  if (body.shell === undefined || error.reason !== 'command_not_found') return error;
  return new SandglassError('shell_not_found', 'the image has no /bin/sh; name a program with cmd and args instead of shell', {
    cause: error,
  });
}

/** @throws SandglassError `invalid_request`. */
export function parseCommand({ cmd, args, shell }: Pick<ExecBody, 'cmd' | 'args' | 'shell'>): readonly string[] {
  if (cmd !== undefined && shell !== undefined) throw invalidField('shell', 'give cmd or shell, not both');
  if (shell !== undefined) {
    if (args !== undefined) throw invalidField('args', 'args goes with cmd, not with shell');
    return ['/bin/sh', '-c', shell];
  }
  if (cmd === undefined) throw invalidField('cmd', 'cmd is missing; give a program in cmd and its args, or a line in shell');
  return [cmd, ...(args ?? [])];
}

function parseStdin({ stdin = '', stdin_encoding }: ExecBody): Uint8Array {
  if (stdin_encoding !== 'base64') return Buffer.from(stdin, 'utf8');
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(stdin) && stdin.length % 4 === 0) return Buffer.from(stdin, 'base64');
  throw invalidField('stdin', 'stdin must be base64 with padding, as stdin_encoding says');
}
