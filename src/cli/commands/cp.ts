import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type Location, parseLocation } from '../copy/location.ts';
import { type Transfer, withTransfer } from '../copy/transfer.ts';
import { EXIT } from '../exit-codes.ts';
import { CliError } from '../failure.ts';
import { openSession, type Session } from '../session.ts';

const RULES = `
Files and folders, by the rules of \`docker cp\`:
  file    → folder        goes into it, under its own name
  file    → anything else gets that path; one that is there is replaced
  folder  → folder        goes into it, under its own name; what is in it alone: FOLDER/.
  folder  → nothing there gets that path
The folder that something goes to must be there. A path ending in / must be a folder.
Links in folders stay links; from a sandbox, those that lead out of the folder are left out.
A path of this machine with a colon in it is written with ./ before it.

Examples:
  sandglass cp ./src sb-…:/srv
  sandglass cp sb-…:/var/log/. ./logs
  sandglass cp sb-…:/etc/hostname - | cat`;

export function addCp(parent: Command, cli: Cli): void {
  const command = parent
    .command('cp')
    .summary('copy files and folders from and to sandboxes')
    .description(
      'Copy a file or folder from or to a sandbox, or from one to another. Interrupted, it leaves nothing behind on this machine.',
    )
    .argument('<source>', 'SANDBOX:PATH, a path of this machine, or - for standard input')
    .argument('<destination>', 'likewise; - for standard output, where folders come as tar archives')
    .option('-u, --user <user>', 'user in the sandbox that reads and writes, and to whom what is copied there belongs')
    .addHelpText('after', RULES);
  command.action(async (source: string, destination: string, { user }: { readonly user?: string }) => {
    const as = user === undefined ? {} : { user };
    const copy = await copyOf(cli, { ...parseLocation(source), ...as }, { ...parseLocation(destination), ...as });
    const session = await openSession(cli, command);
    const { files, bytes } = await withTransfer(cli, `${source} → ${destination}`, (transfer) => copy(session, transfer));
    if (session.json && destination !== '-') cli.printJson({ files, bytes });
  });
}

type Copy = (session: Session, transfer: Transfer) => Promise<void>;

/** How to copy, with what it needs loaded. @throws CliError when no side is a sandbox. */
async function copyOf(cli: Cli, from: Location, to: Location): Promise<Copy> {
  if (from.where === 'sandbox') {
    if (to.where === 'sandbox') {
      const { copyBetween } = await import('../copy/between.ts');
      return (session, transfer) => copyBetween(session, from, to, transfer);
    }
    const { download, downloadToStream } = await import('../copy/download.ts');
    if (to.where === 'here') return (session, transfer) => download(cli, session, from, to.path, transfer);
    return (session, transfer) => downloadToStream(cli, session, from, transfer);
  }
  if (to.where !== 'sandbox') {
    throw new CliError('neither side is a sandbox', { hint: 'write one as SANDBOX:PATH', exitCode: EXIT.usage });
  }
  const { upload, uploadFromStream } = await import('../copy/upload.ts');
  if (from.where === 'here') return (session, transfer) => upload(cli, session, from.path, to, transfer);
  return (session, transfer) => uploadFromStream(cli, session, to, transfer);
}
