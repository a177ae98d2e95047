import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Sandglass } from '../../sdk/src/index.ts';
import type { Cli } from './cli.ts';
import { CliError } from './failure.ts';

/** The options that every command takes. */
export interface GlobalOptions {
  readonly url?: string;
  readonly namespace?: string;
  readonly apiKeyFile?: string;
  readonly json?: true;
  readonly config?: string;
}

/** What a command needs to talk to the server. */
export interface Session {
  readonly sandglass: Sandglass;
  /** Print for programs. */
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** `sockets` for a command that opens WebSockets. */
export async function openSession(cli: Cli, command: Command, { sockets = false } = {}): Promise<Session> {
  const { url, namespace, apiKeyFile, json = false } = command.optsWithGlobals<GlobalOptions>();
  const apiKey = apiKeyFile === undefined ? cli.env.SANDGLASS_API_KEY : await readKey(apiKeyFile);
  const { Sandglass } = await import('../../sdk/src/index.ts');
  const sandglass = new Sandglass({
    url: url ?? (cli.env.SANDGLASS_URL || undefined),
    namespace: namespace ?? (cli.env.SANDGLASS_NAMESPACE || undefined),
    apiKey: apiKey || undefined,
    webSocket: sockets ? (await import('./web-socket.ts')).CliWebSocket : undefined,
  });
  return { sandglass, json, signal: cli.signal };
}

async function readKey(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new CliError(`cannot read the API key: ${(cause as Error).message}`);
  }
}
