import type { CreateSandboxRequest, ForkSandboxRequest, RestoreSnapshotRequest, SandboxOverrides } from '../../control/requests.ts';
import { compact } from '../../lib/compact.ts';
import { parseId } from '../../model/ids.ts';
import type { NetworkPolicy } from '../../model/sandbox.ts';
import { invalidField } from './invalid-request.ts';
import { checkLabels } from './label-rules.ts';
import type { CreateSandboxBody, ForkSandboxBody } from './schemas/sandbox.ts';
import type { RestoreSnapshotBody } from './schemas/snapshot.ts';

/** From a body that has been validated to what commands take. Each throws SandglassError with the field that it is about. */

export function parseCreateSandbox(body: CreateSandboxBody): CreateSandboxRequest {
  return compact({
    ...parseOverrides(body),
    image: body.image,
    snapshotId: body.snapshot_id === undefined ? undefined : parseId('snapshot', body.snapshot_id),
    entrypoint: body.entrypoint,
    workdir: body.workdir,
    user: body.user,
    exposedPorts: body.exposed_ports,
    runtime: body.runtime,
  });
}

export function parseForkSandbox(body: ForkSandboxBody): ForkSandboxRequest {
  return compact({ ...parseOverrides(body), count: body.count });
}

export function parseRestoreSnapshot(body: RestoreSnapshotBody): RestoreSnapshotRequest {
  return compact({ ...parseOverrides(body), force: body.force, count: body.count });
}

function parseOverrides(body: ForkSandboxBody): SandboxOverrides {
  const { resources, network, on_timeout } = body;
  return compact({
    resources: resources && compact({ cpus: resources.cpus, memoryMb: resources.memory_mb, diskMb: resources.disk_mb }),
    env: body.env,
    secrets: body.secrets,
    labels: checkLabels(body.labels),
    network: network && parseNetwork(network),
    timeoutSecs: body.timeout_secs,
    onTimeout: on_timeout,
  });
}

function parseNetwork(network: NonNullable<ForkSandboxBody['network']>): NetworkPolicy {
  for (const field of ['allow_out', 'deny_out'] as const) {
    if (network[field] !== undefined && network[field].length > 0) {
      throw invalidField(`network.${field}`, `network.${field} is not supported yet; use network.allow_internet_access`, 'unsupported');
    }
  }
  return { allowInternetAccess: network.allow_internet_access ?? true };
}
