import type { OnTimeout, Sandbox } from '../../src/model/sandbox.ts';
import { CLUSTER, ControlWorld } from './control-world.ts';
import type { ScriptedExecutor } from './scripted-executor.ts';

/** The timeout of the sandboxes of these tests. */
export const TIMEOUT_MS = 30_000;

export interface Started {
  readonly world: ControlWorld;
  /** It does nothing from here on until it is told to. */
  readonly executor: ScriptedExecutor;
  readonly id: Sandbox['id'];
}

/** A sandbox that has just begun to run. */
export async function started(onTimeout: OnTimeout, settings: Parameters<typeof ControlWorld.create>[0] = {}): Promise<Started> {
  const world = await ControlWorld.create({ executorGraceSecs: 1_000_000, ...settings });
  const executor = await world.connect({ auto: true });
  const { id } = await world.runningSandbox({ timeoutSecs: TIMEOUT_MS / 1000, onTimeout });
  executor.auto = false;
  executor.sandboxes = [{ sandboxId: id, clusterId: CLUSTER, state: 'running', exitCode: 0, oomKilled: false }];
  return { world, executor, id };
}
