import type { Command } from 'commander';
import type { Sandbox } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { formatList, formatPairs } from '../format/lists.ts';
import { printable } from '../format/printable.ts';
import { formatMebibytes, formatMoment } from '../format/quantities.ts';
import { colorsOf, formatStatus } from '../format/status.ts';
import { renderFields } from '../format/table.ts';
import { openSession } from '../session.ts';

export function addSandboxGet(parent: Command, cli: Cli): void {
  const command = parent.command('get').summary('show a sandbox').description('Show a sandbox.').argument('<sandbox>', 'its id');
  command.action(async (sandboxId: string) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const sandbox = await sandglass.sandboxes.get(sandboxId, { signal });
    if (json) cli.printJson(sandbox);
    else cli.print(describeSandbox(cli, sandbox));
  });
}

function describeSandbox(cli: Cli, sandbox: Sandbox): string {
  const { cpus, memory_mb, disk_mb } = sandbox.resources;
  const text = (value: string | undefined) => (value === undefined ? undefined : printable(value));
  const time = (at: number | undefined) => (at === undefined ? undefined : formatMoment(at, cli.now()));
  return renderFields([
    ['Sandbox', printable(sandbox.sandbox_id)],
    ['Namespace', printable(sandbox.namespace)],
    ['Status', formatStatus(colorsOf(cli), sandbox.status, sandbox.outcome)],
    ['Waits for', text(sandbox.pending_reason)],
    ['Message', text(sandbox.message)],
    ['Error', sandbox.error && printable(`${sandbox.error.reason}: ${sandbox.error.message}`)],
    ['Exit code', sandbox.exit_code?.toString()],
    ['Image', printable(sandbox.image)],
    ['From snapshot', text(sandbox.snapshot_id)],
    ['Executor', text(sandbox.executor_id)],
    ['Runtime', text(sandbox.runtime)],
    ['CPUs', String(cpus)],
    ['Memory', formatMebibytes(memory_mb)],
    ['Disk', disk_mb === undefined ? undefined : formatMebibytes(disk_mb)],
    ['Entrypoint', sandbox.entrypoint && formatList(sandbox.entrypoint)],
    ['Workdir', text(sandbox.workdir)],
    ['User', text(sandbox.user)],
    ['Environment', formatPairs(sandbox.env)],
    ['Secrets', formatList(sandbox.secret_names)],
    ['Internet', sandbox.network.allow_internet_access ? 'yes' : 'no'],
    ['Ports', formatList(sandbox.exposed_ports.map(String))],
    ['Labels', formatPairs(sandbox.labels)],
    ['Created', time(sandbox.created_at)],
    ['Started', time(sandbox.started_at)],
    ['Ended', time(sandbox.terminated_at)],
    [sandbox.status === 'terminated' ? 'Would have ended' : 'Ends', time(sandbox.expires_at)],
  ]);
}
