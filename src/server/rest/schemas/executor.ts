import { type Static, Type } from 'typebox';
import { LabelsAnswer, Time } from './common.ts';
import { named, oneOf, ref } from './named.ts';

export const Executor = named(
  'Executor',
  Type.Object({
    executor_id: Type.String(),
    hostname: Type.String(),
    version: Type.String(),
    status: oneOf(['online', 'offline', 'lost']),
    cordoned: Type.Boolean({ description: 'True: it takes no new sandboxes.' }),
    engine: Type.String({ description: 'The driver and the version of the engine.' }),
    runtimes: Type.Array(Type.String()),
    labels: LabelsAnswer,
    capacity: Type.Object({ cpus: Type.Number(), memory_mb: Type.Integer(), max_sandboxes: Type.Integer() }),
    first_seen_at: Time,
    status_changed_at: Time,
  }),
);
export type Executor = Static<typeof Executor>;

export const ExecutorList = named('ExecutorList', Type.Object({ executors: Type.Array(ref(Executor)) }));

export const executorSchemas = [Executor, ExecutorList];
