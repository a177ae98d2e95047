import { readdir, readFile } from 'node:fs/promises';

/**
 * Kills a command in a container, with all processes that it has started and that have not made a session of their own. The Engine
 * API cannot; but the executor is on the engine's host, where the command's process is the leader of its session. Each
 * process is checked to be in the container's control group, so that a reused process id does no harm.
 * @param pid the command's process on the host.
 * @returns how many processes were killed; 0 also when this process may not see or kill them.
 */
export async function killExecProcesses(pid: number, containerId: string): Promise<number> {
  let killed = 0;
  for (const candidate of await sessionMembers(pid)) {
    if (!(await isInContainer(candidate, containerId))) continue;
    try {
      process.kill(candidate, 'SIGKILL');
      killed += 1;
    } catch {
      // it has ended meanwhile, or is not ours to kill
    }
  }
  return killed;
}

async function sessionMembers(sessionId: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  const sessions = await Promise.all(pids.map(async (pid) => ({ pid, session: await sessionOf(pid) })));
  return sessions.filter(({ session }) => session === sessionId).map(({ pid }) => pid);
}

/** Source: proc(5), `/proc/pid/stat`: the session is the fourth field after the name, which is in parentheses. */
async function sessionOf(pid: number): Promise<number | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[3] === undefined ? undefined : Number(fields[3]);
}

async function isInContainer(pid: number, containerId: string): Promise<boolean> {
  return (await readIfThere(`/proc/${pid}/cgroup`)).includes(containerId);
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
