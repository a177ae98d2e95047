import { type Static, Type } from 'typebox';
import { NAME_PATTERN } from '../../../model/labels.ts';
import { closed, LabelsAnswer, LabelsInput, labelQuery, MAX_SECS, pageQuery, Time } from './common.ts';
import { named, oneOf, ref } from './named.ts';
import { Progress } from './progress.ts';
import { count, overrideFields, SandboxConfig } from './sandbox.ts';

const SNAPSHOT_STATUSES = ['creating', 'uploading', 'active', 'failed', 'deleting'] as const;
/** What can be waited for; `gone` is when it has been deleted. */
export const SNAPSHOT_WAITS = ['active', 'gone'] as const;

export const CreateSnapshotBody = named(
  'CreateSnapshotRequest',
  Type.Object(
    {
      ttl_secs: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: MAX_SECS,
          description: 'Seconds of life from now; 0 for no end; the configured default without it.',
        }),
      ),
      name: Type.Optional(Type.String({ pattern: NAME_PATTERN })),
      labels: Type.Optional(LabelsInput),
    },
    closed,
  ),
);
export type CreateSnapshotBody = Static<typeof CreateSnapshotBody>;

export const RestoreSnapshotBody = named(
  'RestoreSnapshotRequest',
  Type.Object(
    {
      force: Type.Optional(Type.Boolean({ description: 'Restores an expired snapshot that is still there.' })),
      count,
      ...overrideFields,
    },
    closed,
  ),
);
export type RestoreSnapshotBody = Static<typeof RestoreSnapshotBody>;

export const Snapshot = named(
  'Snapshot',
  Type.Object({
    snapshot_id: Type.String(),
    sandbox_id: Type.String({ description: 'The sandbox that it was taken of.' }),
    namespace: Type.String(),
    name: Type.Optional(Type.String()),
    labels: LabelsAnswer,
    status: oneOf(SNAPSHOT_STATUSES),
    status_reason: Type.Optional(Type.String({ description: 'In words, where there is more to say than the status.' })),
    error: Type.Optional(
      Type.Object({
        code: Type.String(),
        reason: Type.String(),
        message: Type.String(),
        attempts: Type.Integer({ description: 'How many attempts have failed.' }),
      }),
    ),
    created_at: Time,
    activated_at: Type.Optional(Time),
    ttl_secs: Type.Integer(),
    expires_at: Type.Optional(Time),
    image_ref: Type.String({ description: 'Reference of its image, an ordinary one, on the executors.' }),
    digest: Type.Optional(Type.String()),
    size_bytes: Type.Optional(Type.Integer()),
    layer_count: Type.Optional(Type.Integer()),
    parent_snapshot_id: Type.Optional(Type.String({ description: 'The snapshot that its sandbox was restored from.' })),
    available_on: Type.Array(Type.String(), { description: 'Executors that hold its image.' }),
    in_registry: Type.Boolean(),
    progress: Type.Optional(ref(Progress)),
    timings: Type.Optional(
      Type.Object({
        freeze_ms: Type.Number({ description: 'How long the processes of the sandbox stood still.' }),
        capture_ms: Type.Number(),
        upload_ms: Type.Optional(Type.Number()),
        total_ms: Type.Number(),
      }),
    ),
    sandbox_config: ref(SandboxConfig),
  }),
);
export type Snapshot = Static<typeof Snapshot>;

/** What taking a snapshot answers with 202: id and status, or, after a wait that ran out of time, all of it. */
export const SnapshotAccepted = named(
  'SnapshotAccepted',
  Type.Object({
    ...Type.Partial(Snapshot).properties,
    snapshot_id: Type.String(),
    status: oneOf(SNAPSHOT_STATUSES),
  }),
);

export const SnapshotList = named(
  'SnapshotList',
  Type.Object({ snapshots: Type.Array(ref(Snapshot)), next_cursor: Type.Optional(Type.String()) }),
);

export const ListSandboxSnapshotsQuery = Type.Object(pageQuery, closed);

export const ListSnapshotsQuery = Type.Object(
  {
    status: Type.Optional(oneOf(SNAPSHOT_STATUSES)),
    name: Type.Optional(Type.String({ pattern: NAME_PATTERN })),
    sandbox_id: Type.Optional(Type.String({ maxLength: 128 })),
    ...labelQuery,
    ...pageQuery,
  },
  closed,
);

export const snapshotSchemas = [CreateSnapshotBody, RestoreSnapshotBody, Snapshot, SnapshotAccepted, SnapshotList];
