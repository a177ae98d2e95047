import { access, constants, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config } from '../../main/config.ts';
import type { Cli } from '../cli.ts';
import { formatRuntimes } from '../format/lists.ts';
import { formatBytes } from '../format/quantities.ts';
import type { Check, Finding } from './check.ts';

const MIN_NODE = 24;
const LITTLE_SPACE_BYTES = 5e9;
const TOO_LITTLE_SPACE_BYTES = 500e6;

/** Whether this machine can run a server and an executor as `config` says. */
export function machineChecks(cli: Cli, config: Config): Check[] {
  return [
    { name: 'node', run: async () => checkNode(process.versions.node) },
    { name: 'data', run: () => checkDataDir(config.dataDir) },
    { name: 'engine', run: (signal) => checkEngine(cli, config, signal) },
    { name: 'image', needs: 'engine', run: (signal) => checkImage(cli, config, signal) },
  ];
}

export function checkNode(version: string): Finding {
  if (Number.parseInt(version, 10) >= MIN_NODE) return { status: 'ok', detail: `Node ${version}` };
  return { status: 'fail', detail: `Node ${version} is too old`, fix: `use Node ${MIN_NODE}; bin/sandglass.mjs brings it along` };
}

/** The folder itself, or the nearest one above in which it can be made. */
async function checkDataDir(dataDir: string): Promise<Finding> {
  const folder = await nearestExisting(dataDir);
  try {
    await access(folder, constants.W_OK);
  } catch {
    return { status: 'fail', detail: `${dataDir} cannot be written`, fix: 'set data_dir to a folder of this user, or run as another user' };
  }
  const { bavail, bsize } = await statfs(folder);
  return checkSpace(dataDir, bavail * bsize);
}

export function checkSpace(folder: string, bytes: number): Finding {
  const detail = `${folder}: ${formatBytes(bytes)} free`;
  if (bytes >= LITTLE_SPACE_BYTES) return { status: 'ok', detail };
  const status = bytes < TOO_LITTLE_SPACE_BYTES ? 'fail' : 'warn';
  return { status, detail, fix: 'free disk space, or set data_dir to a folder on a larger disk' };
}

async function nearestExisting(folder: string): Promise<string> {
  try {
    await access(folder);
    return folder;
  } catch {
    return nearestExisting(dirname(folder));
  }
}

async function checkEngine(cli: Cli, config: Config, signal: AbortSignal): Promise<Finding> {
  const { inspectEngine } = await import('../../main/inspect-engine.ts');
  const engine = await inspectEngine(config.executor.engine, cli.env, signal);
  const detail = `Docker ${engine.version} (API ${engine.apiVersion}, ${engine.storageDriver}), runtimes ${formatRuntimes(engine.runtimes)}`;
  return { status: 'ok', detail };
}

async function checkImage(cli: Cli, config: Config, signal: AbortSignal): Promise<Finding> {
  const { connectImageEngine } = await import('../../main/image-engine.ts');
  const image = config.server.defaultImage;
  if (await connectImageEngine(config.executor.engine, cli.env).has(image, signal)) return { status: 'ok', detail: image };
  return { status: 'warn', detail: `${image} is not on this engine`, fix: '`sandglass up` makes or pulls it; or set server.default_image' };
}
