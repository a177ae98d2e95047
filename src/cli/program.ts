import { Command, CommanderError } from 'commander';
import { VERSION } from '../main/version.ts';
import type { Cli } from './cli.ts';
import { ENVIRONMENT_HELP, EXIT, EXIT_CODES_HELP } from './exit-codes.ts';
import { CliError } from './failure.ts';

/** A command at the top: what `--help` lists of it, and the module that adds it. */
interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly group: string;
  readonly load: () => Promise<(parent: Command, cli: Cli) => void>;
}

const RUN = 'Running Sandglass:';
const USE = 'Using it:';

/** Only the module of the command that is called is loaded: `--version`, `--help` and completion stay quick. */
const ENTRIES: readonly Entry[] = [
  {
    name: 'up',
    group: RUN,
    summary: 'run server and executor on this machine',
    load: async () => (await import('./commands/up.ts')).addUp,
  },
  { name: 'server', group: RUN, summary: 'run the server', load: async () => (await import('./commands/server.ts')).addServer },
  {
    name: 'executor',
    group: RUN,
    summary: 'run the executor of this machine; list and cordon executors',
    load: async () => (await import('./commands/executor.ts')).addExecutor,
  },
  {
    name: 'config',
    group: RUN,
    summary: 'show the effective configuration',
    load: async () => (await import('./commands/config.ts')).addConfig,
  },
  { name: 'key', group: RUN, summary: 'make API keys and join tokens', load: async () => (await import('./commands/key.ts')).addKey },
  {
    name: 'doctor',
    group: RUN,
    summary: 'check this machine and the server',
    load: async () => (await import('./commands/doctor.ts')).addDoctor,
  },
  {
    name: 'sandbox',
    group: USE,
    summary: 'create, use and remove sandboxes',
    load: async () => (await import('./commands/sandbox.ts')).addSandbox,
  },
  {
    name: 'snapshot',
    group: USE,
    summary: 'create, restore and remove snapshots',
    load: async () => (await import('./commands/snapshot.ts')).addSnapshot,
  },
  {
    name: 'shell',
    group: USE,
    summary: 'open a terminal in a sandbox',
    load: async () => (await import('./commands/shell.ts')).addShell,
  },
  {
    name: 'exec',
    group: USE,
    summary: 'run a command in a sandbox',
    load: async () => (await import('./commands/exec.ts')).addExec,
  },
  {
    name: 'ps',
    group: USE,
    summary: 'list the processes of a sandbox',
    load: async () => (await import('./commands/ps.ts')).addPs,
  },
  {
    name: 'attach',
    group: USE,
    summary: 'show what a process prints',
    load: async () => (await import('./commands/attach.ts')).addAttach,
  },
  {
    name: 'kill',
    group: USE,
    summary: 'send a signal to a process',
    load: async () => (await import('./commands/kill.ts')).addKill,
  },
  {
    name: 'cp',
    group: USE,
    summary: 'copy files and folders from and to sandboxes',
    load: async () => (await import('./commands/cp.ts')).addCp,
  },
  {
    name: 'logs',
    group: USE,
    summary: 'show what the main process of a sandbox has printed',
    load: async () => (await import('./commands/logs.ts')).addLogs,
  },
  {
    name: 'port-forward',
    group: USE,
    summary: 'make ports of a sandbox reachable on this machine',
    load: async () => (await import('./commands/port-forward.ts')).addPortForward,
  },
];

/** Runs one command line. @throws what the command throws; CliError with exit code 2 for wrong usage. */
export async function runProgram(cli: Cli, argv: readonly string[]): Promise<void> {
  const program = rootCommand(cli);
  try {
    await addCommands(program, cli, calledCommand(program, argv));
    await program.parseAsync([...argv], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) endAsCommander(thrown, addressed(program, argv));
    else throw thrown;
  }
}

/** The command at the top that `argv` is about: also in `sandglass help sandbox`. `--version` ends here. */
function calledCommand(program: Command, argv: readonly string[]): string | undefined {
  const [first, second] = program.parseOptions([...argv]).operands;
  return first === 'help' ? second : first;
}

/** The others are there by name only, for `--help` and for the nearest name to a wrong one. */
async function addCommands(program: Command, cli: Cli, called: string | undefined): Promise<void> {
  for (const { name, summary, group, load } of ENTRIES) {
    if (name === called) (await load())(program, cli);
    else program.command(name);
    program.commands.at(-1)?.summary(summary).helpGroup(group);
  }
}

function rootCommand(cli: Cli): Command {
  return new Command('sandglass')
    .description('Self-hosted sandboxes with first-class snapshots.')
    .usage('[options] <command>')
    .version(VERSION, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--url <url>', 'the server')
    .option('-n, --namespace <namespace>', 'the namespace')
    .option('--api-key-file <file>', 'a file that holds the API key')
    .option('--json', 'print for programs: one JSON document, or one per line from `watch`')
    .option('--no-color', 'no colours')
    .option('--config <file>', 'the configuration file of server and executor')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => void cli.stdout.write(text),
      writeErr: (text) => void cli.stderr.write(text),
      outputError: () => {}, // told by whoever catches the error
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', `${ENVIRONMENT_HELP}\n${EXIT_CODES_HELP}`)
    .exitOverride();
}

/** Help and version are done; a group without a command has shown its help as a mistake; the rest is wrong usage. */
function endAsCommander(error: CommanderError, command: string): void {
  if (error.exitCode === 0) return;
  if (error.code === 'commander.help') throw new CliError('a command is missing', { exitCode: EXIT.usage });
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = suggestion?.match(/\(Did you mean (.+)\?\)/)?.[1];
  const help = `\`${command} --help\` shows what there is`;
  throw new CliError(message, { hint: meant === undefined ? help : `did you mean \`${meant}\`? ${help}`, exitCode: EXIT.usage });
}

/** The command line, as far as it names commands: what `--help` goes behind. */
function addressed(program: Command, argv: readonly string[]): string {
  let command = program;
  const names = [program.name()];
  for (const word of argv) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next === undefined) continue;
    command = next;
    names.push(word);
  }
  return names.join(' ');
}
