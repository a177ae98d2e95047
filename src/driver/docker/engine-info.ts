import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { EngineInfo } from '../driver.ts';
import type { Engine } from './engine.ts';

/** The fields of `GET /info` that we use. */
interface DockerInfo {
  readonly ServerVersion: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Driver: string;
  readonly DockerRootDir: string;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
}

const MEBIBYTE = 1024 * 1024;
/** Storage drivers that take `--storage-opt size` always; overlay2 does on xfs with project quotas. */
const DRIVERS_WITH_QUOTA = new Set(['btrfs', 'zfs']);

/** What the engine is and can do; see `Driver.info`. */
export async function readEngineInfo(engine: Engine, signal: AbortSignal): Promise<EngineInfo> {
  // The types of dockerode leave out that `info` takes options.
  const request = (docker: Docker) => (docker.info as (options: object) => Promise<DockerInfo>).call(docker, { abortSignal: signal });
  const info = await engine.call(signal, request);
  return {
    engine: `docker ${info.ServerVersion}`,
    cpus: info.NCPU,
    memoryMb: Math.floor(info.MemTotal / MEBIBYTE),
    runtimes: Object.keys(info.Runtimes ?? {}).sort(),
    limitsDisk: DRIVERS_WITH_QUOTA.has(info.Driver) || (info.Driver === 'overlay2' && hasProjectQuota(await mounts(), info.DockerRootDir)),
  };
}

/**
 * Whether the file system that holds `path` is xfs mounted with project quotas.
 * @param mountTable content of `/proc/self/mounts`: device, mount point, type, options.
 */
export function hasProjectQuota(mountTable: string, path: string): boolean {
  const holding = mountTable
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, mountPoint = '']) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`))
    .sort(([, a = ''], [, b = '']) => b.length - a.length)[0];
  const [, , type, options = ''] = holding ?? [];
  return type === 'xfs' && options.split(',').some((option) => option === 'pquota' || option === 'prjquota');
}

async function mounts(): Promise<string> {
  try {
    return await readFile('/proc/self/mounts', 'utf8');
  } catch {
    return '';
  }
}
