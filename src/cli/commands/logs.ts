import { type Command, InvalidArgumentError } from 'commander';
import type { LogLine } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../format/printable.ts';
import { formatTime } from '../format/quantities.ts';
import { parseCount, parseDuration } from '../parse-values.ts';
import { openSession } from '../session.ts';
import { writeOut } from '../write-out.ts';

interface LogsOptions {
  readonly follow?: true;
  readonly tail?: number;
  /** Epoch milliseconds. */
  readonly since?: number;
  readonly timestamps?: true;
  readonly raw?: true;
}

export function addLogs(parent: Command, cli: Cli): void {
  const command = parent
    .command('logs')
    .summary('show what the main process of a sandbox has printed')
    .description('Show what the main process of a sandbox has printed: its errors on the standard error.')
    .argument('<sandbox>', 'its id')
    .option('-f, --follow', 'go on with what it prints, until the sandbox ends')
    .option('--tail <n>', 'only the last so many lines of what there is', parseCount)
    .option('--since <when>', 'only what is younger: 5m, or a time such as 2025-06-15T15:06:40Z', parseSince(cli.now))
    .option('--timestamps', 'show when each line was printed')
    .option('--raw', 'leave control characters as they are, at a terminal too')
    .addHelpText('after', '\nExample:\n  sandglass logs -f --since 5m sb-…');
  command.action(async (sandboxId: string, { follow, tail, since, timestamps, raw }: LogsOptions) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    for await (const line of sandglass.sandboxes.logs(sandboxId, { follow, tail, since, signal })) {
      const stream = json ? cli.stdout : cli[line.stream];
      const text = json ? JSON.stringify(line) : shown(line, { timestamps, escaped: stream.isTTY === true && !raw });
      await writeOut(stream, Buffer.from(`${text}\n`), signal);
    }
  });
}

function shown({ at, message }: LogLine, { timestamps, escaped }: { timestamps: true | undefined; escaped: boolean }): string {
  const text = escaped
    ? message
        .split('\t')
        .map(printable)
        .join('\t')
        .replace(/\\x0d$/, '')
    : message;
  return timestamps ? `${formatTime(at)}  ${text}` : text;
}

/** A duration before now, or a time. */
function parseSince(now: () => number) {
  return (text: string): number => {
    if (/^[\d.]+[a-z]*$/i.test(text)) return now() - parseDuration(text) * 1000;
    const at = Date.parse(text);
    if (Number.isNaN(at)) throw new InvalidArgumentError('Write it as 90s, 5m, 2h or 2025-06-15T15:06:40Z.');
    return at;
  };
}
