import { type Command, Option } from 'commander';
import type { Sandbox, SandboxStatus } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../format/printable.ts';
import { formatMebibytes, formatSpan } from '../format/quantities.ts';
import { colorsOf, formatStatus } from '../format/status.ts';
import { renderTable } from '../format/table.ts';
import { addLimitOption, takeUpTo } from '../limit.ts';
import { collectPairs } from '../parse-values.ts';
import { openSession } from '../session.ts';

const STATUSES = ['pending', 'starting', 'running', 'paused', 'stopping', 'terminated'];

interface LsOptions {
  readonly all?: true;
  readonly status?: SandboxStatus;
  readonly label?: Readonly<Record<string, string>>;
  readonly limit: number;
}

export function addSandboxLs(parent: Command, cli: Cli): void {
  const command = parent
    .command('ls')
    .summary('list sandboxes')
    .description('List sandboxes, newest first.')
    .option('-a, --all', 'terminated ones too')
    .addOption(new Option('--status <status>', 'only those with this status').choices(STATUSES))
    .option('-l, --label <key=value>', 'only those with this label; repeatable', collectPairs);
  addLimitOption(command).action(async ({ all, status, label, limit }: LsOptions) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const list = sandglass.sandboxes.list({ ...(status && { status }), ...(label && { label }) }, { signal });
    const isShown = (sandbox: Sandbox) => all === true || status !== undefined || sandbox.status !== 'terminated';
    const sandboxes = await takeUpTo(cli, limit, list, isShown);
    if (json) cli.printJson(sandboxes);
    else cli.print(sandboxTable(cli, sandboxes));
  });
}

function sandboxTable(cli: Cli, sandboxes: readonly Sandbox[]): string {
  const colors = colorsOf(cli);
  const now = cli.now();
  const rows = sandboxes.map((sandbox) => [
    sandbox.sandbox_id,
    sandbox.image,
    formatStatus(colors, sandbox.status, sandbox.outcome),
    String(sandbox.resources.cpus),
    formatMebibytes(sandbox.resources.memory_mb),
    formatSpan(now - sandbox.created_at),
    sandbox.expires_at === undefined || sandbox.status === 'terminated' ? '' : formatSpan(sandbox.expires_at - now),
    sandbox.pending_reason ?? sandbox.message ?? '',
  ]);
  const head = ['SANDBOX', 'IMAGE', 'STATUS', 'CPUS', 'MEMORY', 'AGE', 'ENDS IN', 'MESSAGE'];
  return renderTable(
    head,
    rows.map(([id = '', image = '', status = '', ...rest]) => [printable(id), printable(image), status, ...rest.map(printable)]),
  );
}
