import { constants } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { SignalName } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { parseCount } from '../parse-values.ts';
import { openSession } from '../session.ts';

export function addKill(parent: Command, cli: Cli): void {
  const command = parent
    .command('kill')
    .summary('send a signal to a process')
    .description('Send a signal to a process in a sandbox, and to what it has started.')
    .argument('<sandbox>', 'its id')
    .argument('<pid>', 'the process, see `sandglass ps`', parseCount)
    .option('-s, --signal <signal>', 'by name or number, such as KILL', parseSignal, 'SIGTERM')
    .addHelpText('after', '\nExample:\n  sandglass kill -s HUP sb-… 123');
  command.action(async (sandboxId: string, pid: number, { signal: name }: { signal: SignalName }) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    await sandglass.processes.signal(sandboxId, pid, name, { signal });
    if (json) cli.printJson({ pid, signal: name });
    else cli.print(String(pid));
  });
}

/** `KILL`, `sigkill` or `9` as `SIGKILL`. */
export function parseSignal(text: string): SignalName {
  const known = Object.entries(constants.signals);
  const upper = text.toUpperCase();
  const found = known.find(([name, number]) => name === upper || name === `SIG${upper}` || String(number) === text);
  if (found === undefined) throw new InvalidArgumentError('Write it as TERM, SIGTERM or 15.');
  return found[0] as SignalName;
}
