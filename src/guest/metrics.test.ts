import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { MetricsReader } from './metrics.ts';

/** A folder that looks like mounted control groups. */
function controlGroups(files: Readonly<Record<string, string>>): string {
  const root = tempFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test('control groups of version 2 are read', async () => {
  const root = controlGroups({
    'cpu.max': '100000 100000\n',
    'cpu.stat': 'usage_usec 5000\nuser_usec 1\n',
    'memory.current': '50000000\n',
    'memory.max': '100000000\n',
    'memory.stat': 'anon 1\nfile 20000000\n',
  });
  expect(await new MetricsReader(root).read()).toMatchObject({
    cpu_count: 1,
    cpu_used_pct: 0,
    mem_total: 100_000_000,
    mem_used: 30_000_000,
    mem_cache: 20_000_000,
  });
});

test('control groups of version 1 are read', async () => {
  const root = controlGroups({
    'cpu/cpu.cfs_quota_us': '50000\n',
    'cpu/cpu.cfs_period_us': '100000\n',
    'cpuacct/cpuacct.usage': '5000000\n',
    'memory/memory.usage_in_bytes': '50000000\n',
    'memory/memory.limit_in_bytes': '100000000\n',
    'memory/memory.stat': 'cache 20000000\nrss 1\n',
  });
  const metrics = await new MetricsReader(root).read();
  expect(metrics).toMatchObject({ cpu_count: 1, mem_total: 100_000_000, mem_used: 30_000_000, mem_cache: 20_000_000 });
});

test('without limits, it is the machine that counts', async () => {
  const root = controlGroups({ 'cpu.max': 'max 100000\n', 'cpu.stat': 'usage_usec 1\n', 'memory.current': '1\n', 'memory.max': 'max\n' });
  const metrics = await new MetricsReader(root).read();
  expect(metrics).toMatchObject({ cpu_count: availableParallelism(), mem_total: totalmem() });
  expect(metrics.disk_total).toBeGreaterThan(metrics.disk_used);
});

test('without any control groups, there are figures too', async () => {
  const metrics = await new MetricsReader('/nowhere').read();
  expect(metrics.mem_used).toBeGreaterThan(0);
  expect(metrics.cpu_used_pct).toBe(0);
});

test('CPU time is told as a part of what may be used', async () => {
  const root = controlGroups({ 'cpu.max': '50000 100000\n', 'cpu.stat': 'usage_usec 0\n' });
  const reader = new MetricsReader(root);
  await reader.read();
  writeFileSync(join(root, 'cpu.stat'), 'usage_usec 10000000\n');
  expect((await reader.read()).cpu_used_pct).toBeGreaterThan(100);
});
