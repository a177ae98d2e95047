import { compact } from '../../lib/compact.ts';
import { SandglassError } from '../../model/errors.ts';
import type { Namespace } from '../../model/ids.ts';
import { type Labels, MAX_LABELS } from '../../model/labels.ts';
import { couldEverFit } from '../../model/placement.ts';
import type { Resources, Sandbox, SandboxSource, SandboxSpec } from '../../model/sandbox.ts';
import { sandboxKey, secretsKey } from '../../store/keys.ts';
import { secretsRecord } from '../../store/records.ts';
import { type WriteSet, writeSandbox } from '../../store/writes.ts';
import type { ControlContext } from '../context.ts';
import type { SandboxOverrides } from '../requests.ts';
import { readExecutors } from '../scheduler.ts';

/** A sandbox about to be created. */
export interface NewSandbox {
  readonly spec: SandboxSpec;
  readonly labels: Labels;
  readonly secrets: Readonly<Record<string, string>>;
  readonly source?: SandboxSource;
}

/** Adds a new sandbox to `writes`, pending until the controller has placed it. */
export function writeNewSandbox(ctx: ControlContext, writes: WriteSet, namespace: Namespace, wanted: NewSandbox): Sandbox {
  const { spec, labels, secrets, source } = wanted;
  checkInherited(spec, labels, secrets);
  const now = ctx.clock.now();
  const sandbox: Sandbox = {
    id: ctx.newId('sandbox'),
    namespace,
    spec,
    labels,
    ...compact({ source }),
    status: 'pending',
    createdAt: now,
    startDeadlineAt: now + ctx.settings.sandboxStartDeadlineSecs * 1000,
    attempt: 0,
  };
  writes.check(sandboxKey(namespace, sandbox.id), undefined);
  writeSandbox(writes, undefined, sandbox);
  if (Object.keys(secrets).length > 0) writes.put(secretsKey(sandbox.id), secretsRecord.encode({ env: secrets }));
  return sandbox;
}

/** The recorded configuration with what is chosen anew. Secrets are not inherited: their values were never recorded with it. */
export function overridden(base: SandboxSpec, overrides: SandboxOverrides): SandboxSpec {
  return {
    ...base,
    resources: { ...base.resources, ...overrides.resources },
    env: { ...base.env, ...overrides.env },
    secretNames: Object.keys(overrides.secrets ?? {}),
    timeoutSecs: overrides.timeoutSecs ?? base.timeoutSecs,
    onTimeout: overrides.onTimeout ?? base.onTimeout,
    network: overrides.network ?? base.network,
  };
}

/** An environment larger than this fits no process: the kernel takes 2 MiB of arguments and environment together. */
const MAX_ENVIRONMENT_BYTES = 1024 * 1024;

/** Each request is bounded by itself; what is inherited comes on top. @throws SandglassError `invalid_request`. */
function checkInherited({ env }: SandboxSpec, labels: Labels, secrets: Readonly<Record<string, string>>): void {
  const bytes = Object.entries({ ...env, ...secrets }).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 2,
    0,
  );
  if (bytes > MAX_ENVIRONMENT_BYTES) throw tooMuch('env', `${bytes} bytes with what is inherited; at most ${MAX_ENVIRONMENT_BYTES} fit`);
  const count = Object.keys(labels).length;
  if (count > MAX_LABELS) throw tooMuch('labels', `${count} with those that are inherited; at most ${MAX_LABELS} are allowed`);
}

function tooMuch(field: string, problem: string): SandglassError {
  return new SandglassError('invalid_request', `${field}: ${problem}`, { details: { field } });
}

/**
 * Refuses what no executor could ever run, however long one waits. Before the first executor has connected, nobody knows.
 * @throws SandglassError `invalid_resources`, `unsupported_runtime`.
 */
export async function checkFeasible(ctx: ControlContext, { resources, runtime }: SandboxSpec): Promise<void> {
  const executors = (await readExecutors(ctx.store)).filter(({ status }) => status !== 'lost');
  if (executors.length === 0) return;
  if (runtime !== undefined && !executors.some(({ info }) => info.runtimes.includes(runtime))) {
    const known = [...new Set(executors.flatMap(({ info }) => info.runtimes))].toSorted().join(', ');
    throw new SandglassError('unsupported_runtime', `no executor has the runtime ${JSON.stringify(runtime)}; there are: ${known}`, {
      details: { field: 'runtime' },
    });
  }
  if (resources.diskMb !== undefined && !executors.some(({ info }) => info.limitsDisk)) {
    throw invalidResources('resources.disk_mb', 'no executor can limit disk space; leave it out');
  }
  if (!executors.some((executor) => couldEverFit(resources, executor)))
    throw tooLarge(
      resources,
      executors.map(({ info }) => info.capacity),
    );
}

function tooLarge(resources: Resources, capacities: readonly { cpus: number; memoryMb: number }[]): SandglassError {
  const cpus = Math.max(...capacities.map((capacity) => capacity.cpus));
  const memoryMb = Math.max(...capacities.map((capacity) => capacity.memoryMb));
  if (resources.cpus > cpus) return invalidResources('resources.cpus', `${resources.cpus} is more than any executor has (${cpus})`);
  return invalidResources('resources.memory_mb', `${resources.memoryMb} is more than any executor has (${memoryMb})`);
}

function invalidResources(field: string, problem: string): SandglassError {
  return new SandglassError('invalid_resources', `${field}: ${problem}`, { details: { field } });
}
