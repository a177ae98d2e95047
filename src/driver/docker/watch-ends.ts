import { SandglassError } from '../../model/errors.ts';
import { isId } from '../../model/ids.ts';
import type { SandboxEnded } from '../driver.ts';
import { LABEL } from '../labels.ts';
import type { DockerContext } from './docker-context.ts';
import { howItEnded } from './inventory.ts';
import { readJsonLines } from './json-lines.ts';
import { findContainer } from './sandbox-containers.ts';

/** What happens to sandboxes without being asked for; see `Driver.events`. Sandboxes that we end ourselves are reported too. */
export async function* watchEnds({ engine, executorId }: DockerContext, signal: AbortSignal): AsyncGenerator<SandboxEnded> {
  const filters = { type: ['container'], event: ['die'], label: [`${LABEL.executor}=${executorId}`] };
  try {
    const events = await engine.call(signal, (docker) => docker.getEvents({ filters: JSON.stringify(filters), abortSignal: signal }));
    for await (const event of readJsonLines(events, signal)) {
      const { Attributes: attributes = {} } = (event.Actor ?? {}) as { Attributes?: Record<string, string> };
      const sandboxId = attributes[LABEL.sandbox] ?? '';
      if (!isId('sandbox', sandboxId)) continue;
      const container = await findContainer(engine, executorId, sandboxId, signal);
      const ended = container ? howItEnded(container.State) : { exitCode: Number(attributes.exitCode), oomKilled: false };
      yield { sandboxId, ...ended };
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  throw new SandglassError('engine_unavailable', 'the container engine closed its stream of events');
}
