import { compact } from '../../lib/compact.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace, SandboxId } from '../../model/ids.ts';
import { parseImageReference } from '../../model/image-reference.ts';
import type { OperationKind } from '../../model/operation.ts';
import type { Sandbox, SandboxSpec } from '../../model/sandbox.ts';
import { WriteSet } from '../../store/writes.ts';
import { changeSandbox } from '../change.ts';
import type { ControlContext } from '../context.ts';
import { newOperation } from '../operations.ts';
import { readSandbox, sandboxNotFound, sandboxNotRunning } from '../queries/read.ts';
import type { CreateSandboxRequest } from '../requests.ts';
import { checkFeasible, overridden, writeNewSandbox } from './new-sandbox.ts';
import { restorableSnapshot } from './snapshots.ts';

/** Stores a new sandbox, from an image or from a snapshot. */
export async function createSandbox(ctx: ControlContext, ns: Namespace, request: CreateSandboxRequest): Promise<Sandbox> {
  const { image, snapshotId } = request;
  if (image !== undefined && snapshotId !== undefined) {
    throw new SandglassError('invalid_request', 'give either image or snapshot_id, not both', { details: { field: 'snapshot_id' } });
  }
  if (image !== undefined) parseImageReference(image);
  const snapshot = snapshotId && (await restorableSnapshot(ctx, ns, snapshotId));
  const base = snapshot ? snapshot.sandboxConfig : defaultSpec(ctx, image);
  const spec = withProgram(overridden(base, request), request);
  await checkFeasible(ctx, spec);
  const writes = new WriteSet();
  const sandbox = writeNewSandbox(ctx, writes, ns, {
    spec,
    labels: request.labels ?? {},
    secrets: request.secrets ?? {},
    ...(snapshot ? { source: { snapshotId: snapshot.id } } : {}),
  });
  await ctx.store.commit(writes.toRequest());
  return sandbox;
}

function defaultSpec({ settings }: ControlContext, image: string = settings.defaultImage): SandboxSpec {
  return {
    image,
    resources: settings.defaultResources,
    env: {},
    secretNames: [],
    timeoutSecs: settings.defaultSandboxTimeoutSecs,
    onTimeout: 'terminate',
    network: { allowInternetAccess: true },
    exposedPorts: [],
  };
}

function withProgram(spec: SandboxSpec, { entrypoint, workdir, user, exposedPorts, runtime }: CreateSandboxRequest): SandboxSpec {
  return { ...spec, ...compact({ entrypoint, workdir, user, exposedPorts, runtime }) };
}

/** Ends a sandbox. One that has ended already is left as it is. */
export async function deleteSandbox(ctx: ControlContext, ns: Namespace, id: SandboxId): Promise<Sandbox> {
  const at = ctx.clock.now();
  const { object } = await changeSandbox(ctx.store, ns, id, {
    type: 'stop_requested',
    outcome: 'stopped',
    message: 'deleted on request',
    at,
  });
  if (object === undefined) throw sandboxNotFound(id);
  return object;
}

/** Has a running sandbox frozen. A paused one is left as it is. */
export async function pauseSandbox(ctx: ControlContext, ns: Namespace, id: SandboxId): Promise<Sandbox> {
  return (await switchSandbox(ctx, ns, id, { kind: 'pause_sandbox', from: 'running', to: 'paused' })).sandbox;
}

/** Has a paused sandbox thawed. A running one is left as it is, but for its timeout where one is given. */
export async function resumeSandbox(
  ctx: ControlContext,
  ns: Namespace,
  id: SandboxId,
  { timeoutSecs }: { readonly timeoutSecs?: number },
): Promise<Sandbox> {
  const wanted = { kind: 'resume_sandbox', from: 'paused', to: 'running', ...compact({ timeoutSecs }) } as const;
  const { sandbox, begun } = await switchSandbox(ctx, ns, id, wanted);
  return begun || timeoutSecs === undefined ? sandbox : await setSandboxTimeout(ctx, ns, id, timeoutSecs);
}

/** Sets how long a sandbox is to run, from now or from when it next does. */
export async function setSandboxTimeout(ctx: ControlContext, ns: Namespace, id: SandboxId, timeoutSecs: number): Promise<Sandbox> {
  const { object } = await changeSandbox(ctx.store, ns, id, { type: 'timeout_set', timeoutSecs, at: ctx.clock.now() });
  if (object === undefined) throw sandboxNotFound(id);
  return object;
}

interface Switch {
  readonly kind: OperationKind;
  readonly from: 'running' | 'paused';
  readonly to: 'running' | 'paused';
  readonly timeoutSecs?: number;
}

/** `begun`: an operation for it is stored; else there was none to be begun. */
async function switchSandbox(
  ctx: ControlContext,
  ns: Namespace,
  id: SandboxId,
  { kind, from, to, timeoutSecs }: Switch,
): Promise<{ readonly sandbox: Sandbox; readonly begun: boolean }> {
  const sandbox = await readSandbox(ctx.store, ns, id);
  if (sandbox.status === to && sandbox.operation === undefined) return { sandbox, begun: false };
  if (sandbox.executorId === undefined || (sandbox.status !== from && sandbox.status !== to)) throw sandboxNotRunning(sandbox);
  // More than the first where its timeout has tried already to have it paused.
  const attempt = sandbox.operation === undefined ? sandbox.attempt + 1 : 1;
  const operation = newOperation(ctx, kind, sandbox.executorId, attempt);
  const event = { type: 'attempt_started', operation, ...compact({ timeoutSecs }) } as const;
  const { object, ignored } = await changeSandbox(ctx.store, ns, id, event);
  if (object === undefined) throw sandboxNotFound(id);
  return { sandbox: object, begun: ignored === undefined };
}
