import type { Command } from 'commander';
import type { CreateSandboxParams } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { collectCounts } from '../parse-values.ts';
import { addSandboxOptions, type SandboxOptions, sandboxOverrides } from '../sandbox-options.ts';
import { openSession } from '../session.ts';
import { addWaitOptions, type WaitFlags, waitUntilRunning } from '../wait.ts';

interface CreateOptions extends SandboxOptions, WaitFlags {
  readonly fromSnapshot?: string;
  readonly entrypoint?: string;
  readonly workdir?: string;
  readonly user?: string;
  readonly port?: readonly number[];
  readonly runtime?: string;
}

export function addSandboxCreate(parent: Command, cli: Cli): void {
  const command = parent
    .command('create')
    .summary('create a sandbox and print its id')
    .description('Create a sandbox and print its id. Without an image it gets the default one of the server.')
    .argument('[image]', 'image, such as debian:12')
    .argument('[command...]', 'program to run, after --; without one the sandbox waits for commands')
    .option('--from-snapshot <snapshot>', 'start from a snapshot instead of an image')
    .option('--entrypoint <program>', 'program to run, with the command as its arguments')
    .option('--workdir <path>', 'default working directory of commands')
    .option('--user <user>', 'default user of commands')
    .option('-p, --port <port>', 'port that the sandbox serves; repeatable', collectCounts)
    .option('--runtime <runtime>', 'container runtime, such as runsc');
  addWaitOptions(addSandboxOptions(command, cli), 'it runs').action(
    async (image: string | undefined, words: string[], options: CreateOptions) => {
      const session = await openSession(cli, command);
      const created = await session.sandglass.sandboxes.create(createParams(image, words, options), { signal: session.signal });
      const [sandbox = created] = options.wait ? await waitUntilRunning(cli, session, [created.sandbox_id], options) : [];
      if (session.json) cli.printJson(sandbox);
      else cli.print(created.sandbox_id);
    },
  );
}

function createParams(image: string | undefined, words: readonly string[], options: CreateOptions): CreateSandboxParams {
  const { fromSnapshot, entrypoint, workdir, user, port, runtime } = options;
  // A snapshot brings its image along, so that every operand belongs to the command.
  const command = fromSnapshot !== undefined && image !== undefined ? [image, ...words] : words;
  const program = entrypoint === undefined ? command : [entrypoint, ...command];
  return {
    ...sandboxOverrides(options),
    ...(fromSnapshot !== undefined ? { snapshot_id: fromSnapshot } : image !== undefined && { image }),
    ...(program.length > 0 && { entrypoint: program }),
    ...(workdir !== undefined && { workdir }),
    ...(user !== undefined && { user }),
    ...(port && { exposed_ports: port }),
    ...(runtime !== undefined && { runtime }),
  };
}
