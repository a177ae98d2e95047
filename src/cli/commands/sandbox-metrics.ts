import type { Command } from 'commander';
import type { SandboxMetrics } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { formatBytes } from '../format/quantities.ts';
import { renderFields } from '../format/table.ts';
import { openSession } from '../session.ts';

export function addSandboxMetrics(parent: Command, cli: Cli): void {
  const command = parent
    .command('metrics')
    .alias('stats')
    .summary('show what a sandbox uses')
    .description('Show what a sandbox uses at the moment.')
    .argument('<sandbox>', 'its id')
    .addHelpText('after', '\nExample:\n  sandglass sandbox metrics sb-…');
  command.action(async (sandboxId: string) => {
    const { sandglass, json, signal } = await openSession(cli, command);
    const metrics = await sandglass.sandboxes.metrics(sandboxId, { signal });
    if (json) cli.printJson(metrics);
    else cli.print(describe(metrics));
  });
}

function describe(metrics: SandboxMetrics): string {
  const memory = `${formatBytes(metrics.memory_used_bytes)} of ${formatBytes(metrics.memory_limit_bytes)}`;
  return renderFields([
    ['CPU', `${metrics.cpu_used.toFixed(2)} of ${metrics.cpus} cores`],
    ['CPU time', `${(metrics.cpu_time_ms / 1000).toFixed(1)} s`],
    ['Memory', `${memory}, ${formatBytes(metrics.memory_cache_bytes)} of it cache`],
    ['Disk', metrics.disk_used_bytes === undefined ? undefined : formatBytes(metrics.disk_used_bytes)],
    ['Processes', String(metrics.processes)],
    ['Received', formatBytes(metrics.network_received_bytes)],
    ['Sent', formatBytes(metrics.network_sent_bytes)],
  ]);
}
