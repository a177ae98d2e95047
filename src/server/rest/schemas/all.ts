import { ErrorAnswer, NoFields } from './common.ts';
import { execSchemas } from './exec.ts';
import { executorSchemas } from './executor.ts';
import { fileSchemas } from './file.ts';
import { processSchemas } from './process.ts';
import { Progress } from './progress.ts';
import { sandboxSchemas } from './sandbox.ts';
import { snapshotSchemas } from './snapshot.ts';
import { systemSchemas } from './system.ts';
import { telemetrySchemas } from './telemetry.ts';

/** Every schema that routes refer to by name: the components of the OpenAPI document. */
export const namedSchemas = [
  ErrorAnswer,
  NoFields,
  Progress,
  ...sandboxSchemas,
  ...snapshotSchemas,
  ...executorSchemas,
  ...execSchemas,
  ...processSchemas,
  ...fileSchemas,
  ...systemSchemas,
  ...telemetrySchemas,
];
