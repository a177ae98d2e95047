import { SandglassError } from '../../model/errors.ts';
import type { Reason } from '../../model/reasons.ts';
import type { ExecRequest } from '../driver.ts';

/**
 * What the engine says when a command cannot be started, and what it means. Docker 20.10 says it on the command's own output
 * and reports the exit status 126; later versions answer the request with an error. The words come from runc and moby.
 */
const CAUSES: readonly (readonly [pattern: RegExp, reason: Reason])[] = [
  [/unable to find (?:user|group)|uids and gids must be|no matching entries in (?:passwd|group)/i, 'invalid_user'],
  [/chdir to cwd|cwd must be an absolute path|mkdir .*not a directory/i, 'invalid_workdir'],
  [
    /executable file not found|exec: .*(?:no such file or directory|permission denied|not a directory)|exec format error/i,
    'command_not_found',
  ],
  [/is paused|not running|cannot exec in a stopped|container .* (?:stopped|not found)/i, 'sandbox_not_running'],
];

/** Why a command could not be started, from what the engine said. */
export function execFailure(request: ExecRequest, message: string): SandglassError {
  const text = message.trim().replace(/^OCI runtime exec failed: exec failed: /, '');
  const reason = CAUSES.find(([pattern]) => pattern.test(text))?.[1] ?? 'engine_error';
  const [program] = request.command;
  switch (reason) {
    case 'command_not_found':
      return new SandglassError(reason, `cannot run ${JSON.stringify(program)} in the sandbox: ${text}`, { details: { field: 'cmd' } });
    case 'invalid_user':
      return new SandglassError(reason, `cannot run as user ${JSON.stringify(request.user)}: ${text}`, { details: { field: 'user' } });
    case 'invalid_workdir':
      return new SandglassError(reason, `cannot run in ${JSON.stringify(request.workdir)}: ${text}`, { details: { field: 'cwd' } });
    default:
      return new SandglassError(reason, `cannot run a command in sandbox ${request.sandboxId}: ${text}`);
  }
}

/** @throws SandglassError `invalid_request`: a program cannot be given these, and the engine would cut them off or worse. */
export function assertPassable({ command, env, workdir = '', user = '' }: ExecRequest): void {
  const names = Object.keys(env);
  if (command.length === 0 || command[0] === '') throw new SandglassError('invalid_request', 'the command is empty');
  if ([...command, ...names, ...Object.values(env), workdir, user].some((text) => text.includes('\0'))) {
    throw new SandglassError('invalid_request', 'a command, its environment, working directory and user cannot hold a zero byte');
  }
  const invalid = names.find((name) => name === '' || name.includes('='));
  if (invalid !== undefined)
    throw new SandglassError('invalid_request', `${JSON.stringify(invalid)} is no name of an environment variable`);
}
