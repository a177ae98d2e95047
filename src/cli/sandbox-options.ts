import { type Command, Option } from 'commander';
import type { SandboxOverrides } from '../../sdk/src/index.ts';
import type { Cli } from './cli.ts';
import { collectPairs, collectVariables, parseDuration, parseMemory, parseNumber } from './parse-values.ts';

/** What `create`, `restore` and `fork` have in common, as commander gives it. */
export interface SandboxOptions {
  readonly cpus?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly secret?: Readonly<Record<string, string>>;
  readonly label?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly onTimeout?: 'terminate' | 'pause' | 'snapshot';
  /** Absent unless `--internet` or `--no-internet` is given. */
  readonly internet?: boolean;
}

export function addSandboxOptions(command: Command, cli: Cli): Command {
  return command
    .option('--cpus <n>', 'CPU cores, such as 0.5', parseNumber)
    .option('--memory <size>', 'memory, such as 512m or 2g', parseMemory)
    .option('--disk <size>', 'writable disk, such as 10g', parseMemory)
    .option(
      '-e, --env <name=value>',
      'environment variable; NAME alone passes the one of this shell; repeatable',
      collectVariables(cli.env),
    )
    .option('--secret <name=value>', 'the same, but never shown again and not in snapshots; repeatable', collectVariables(cli.env))
    .option('-l, --label <key=value>', 'label; repeatable', collectPairs)
    .option('--timeout <duration>', 'life span, such as 30m; 0 for no end', parseDuration)
    .addOption(new Option('--on-timeout <action>', 'what happens then').choices(['terminate', 'pause', 'snapshot']))
    .addOption(new Option('--internet', 'a network with a route to the internet').hideHelp())
    .option('--no-internet', 'no network but its own');
}

/** `options` in the words of the API. */
export function sandboxOverrides(options: SandboxOptions): SandboxOverrides {
  const { cpus, memory, disk } = options;
  const resources = {
    ...(cpus !== undefined && { cpus }),
    ...(memory !== undefined && { memory_mb: memory }),
    ...(disk !== undefined && { disk_mb: disk }),
  };
  return {
    ...(Object.keys(resources).length > 0 && { resources }),
    ...(options.env && { env: options.env }),
    ...(options.secret && { secrets: options.secret }),
    ...(options.label && { labels: options.label }),
    ...(options.timeout !== undefined && { timeout_secs: options.timeout }),
    ...(options.onTimeout && { on_timeout: options.onTimeout }),
    ...(options.internet !== undefined && { network: { allow_internet_access: options.internet } }),
  };
}
