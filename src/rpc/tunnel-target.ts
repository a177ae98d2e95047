import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { parseId, type SandboxId } from '../model/ids.ts';
import type { LogsRequest } from '../model/telemetry.ts';
import { int64, malformed, plainText, wholeNumber } from './checks.ts';
import { type LogsTarget, type OpenTunnel, OpenTunnelSchema } from './gen/sandglass/v1/executor_pb.js';

/** What a tunnel leads to. */
export type TunnelTarget =
  | { readonly kind: 'guest'; readonly sandboxId: SandboxId }
  | { readonly kind: 'logs'; readonly request: LogsRequest }
  | { readonly kind: 'metrics'; readonly sandboxId: SandboxId };

export function openTunnelToProto(tunnelId: string, target: TunnelTarget): OpenTunnel {
  return create(OpenTunnelSchema, { tunnelId, target: targetToProto(target) });
}

function targetToProto(target: TunnelTarget): NonNullable<MessageInitShape<typeof OpenTunnelSchema>['target']> {
  switch (target.kind) {
    case 'guest':
    case 'metrics':
      return { case: target.kind, value: { sandboxId: target.sandboxId } };
    case 'logs': {
      const { sandboxId, follow, tail, since } = target.request;
      const sinceMs = since === undefined ? {} : { sinceMs: int64(since) };
      return { case: 'logs', value: { sandboxId, follow, ...(tail === undefined ? {} : { tail: int64(tail) }), ...sinceMs } };
    }
  }
}

/** @throws SandglassError `sandbox_not_found`, `invalid_request`. */
export function parseTunnelTarget({ target }: OpenTunnel): TunnelTarget {
  switch (target.case) {
    case 'guest':
    case 'metrics':
      return { kind: target.case, sandboxId: parseId('sandbox', target.value.sandboxId) };
    case 'logs':
      return { kind: 'logs', request: parseLogsRequest(target.value) };
    case undefined:
      throw malformed('target', 'is missing or unknown');
  }
}

function parseLogsRequest({ sandboxId, follow, tail, sinceMs }: LogsTarget): LogsRequest {
  return {
    sandboxId: parseId('sandbox', sandboxId),
    follow,
    ...(tail === undefined ? {} : { tail: wholeNumber('tail', tail) }),
    ...(sinceMs === undefined ? {} : { since: wholeNumber('since_ms', sinceMs) }),
  };
}

/** Id of a tunnel. @throws SandglassError `invalid_request`. */
export function parseTunnelId(tunnelId: string): string {
  if (tunnelId === '') throw malformed('tunnel_id', 'is empty');
  return plainText('tunnel_id', tunnelId, 128);
}
