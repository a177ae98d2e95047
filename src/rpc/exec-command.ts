import { create } from '@bufbuild/protobuf';
import { parseId, type SandboxId } from '../model/ids.ts';
import { malformed, plainText } from './checks.ts';
import { type OpenExec, OpenExecSchema } from './gen/sandglass/v1/executor_pb.js';
import { optionalText, parseArguments, parseEnv } from './sandbox-spec.ts';

/** A command to run in a sandbox. */
export interface ExecCommand {
  readonly sandboxId: SandboxId;
  /** Program and arguments, at least one. */
  readonly command: readonly string[];
  /** Complete. */
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly user?: string;
}

export function openExecToProto(execId: string, { sandboxId, command, env, workdir, user }: ExecCommand): OpenExec {
  return create(OpenExecSchema, { execId, sandboxId, command: [...command], env: { ...env }, workdir: workdir ?? '', user: user ?? '' });
}

/** @throws SandglassError `sandbox_not_found`, `invalid_request`. */
export function parseExecCommand(message: OpenExec): ExecCommand {
  const command = parseArguments('command', message.command);
  if (command.length === 0) throw malformed('command', 'is empty');
  return {
    sandboxId: parseId('sandbox', message.sandboxId),
    command,
    env: parseEnv('env', message.env),
    ...optionalText('workdir', message.workdir),
    ...optionalText('user', message.user),
  };
}

/** Id of a command's stream. @throws SandglassError `invalid_request`. */
export function parseExecId(execId: string): string {
  if (execId === '') throw malformed('exec_id', 'is empty');
  return plainText('exec_id', execId, 128);
}
