import type { ConnectRouter } from '@connectrpc/connect';
import { compressionGzip, connectNodeAdapter } from '@connectrpc/connect-node';
import { Filesystem } from '../rpc/gen/filesystem/filesystem_pb.js';
import { Process } from '../rpc/gen/process/process_pb.js';
import { errorInterceptor } from './error-interceptor.ts';
import { filesystemService } from './files/filesystem-service.ts';
import { ProcessRegistry } from './process/process-registry.ts';
import { processService } from './process/process-service.ts';
import type { SettingsHolder } from './settings.ts';

/** Largest message; input that is larger comes in several. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Longest time that a timer can wait: longer ones would end at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * The services of envd over the Connect protocol, for a server of `node:http`. Answers are never compressed: they do not
 * leave the machine.
 */
export function createServices(settings: SettingsHolder): ReturnType<typeof connectNodeAdapter> {
  const processes = new ProcessRegistry();
  return connectNodeAdapter({
    routes(router: ConnectRouter) {
      router.service(Process, processService(processes, settings));
      router.service(Filesystem, filesystemService(settings));
    },
    grpc: false,
    grpcWeb: false,
    interceptors: [errorInterceptor],
    acceptCompression: [compressionGzip],
    compressMinBytes: Number.MAX_SAFE_INTEGER,
    readMaxBytes: MAX_MESSAGE_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
  });
}
