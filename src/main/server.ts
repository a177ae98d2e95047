import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createControlPlane } from '../control/control-plane.ts';
import { assert } from '../lib/assert.ts';
import { systemClock } from '../lib/clock.ts';
import { compact } from '../lib/compact.ts';
import type { Logger } from '../lib/logger.ts';
import { SandglassError } from '../model/errors.ts';
import { parseNamespace } from '../model/ids.ts';
import type { ApiKey } from '../server/auth.ts';
import { GrpcServer } from '../server/grpc/grpc-server.ts';
import { SandboxLinks } from '../server/links.ts';
import { Metrics } from '../server/metrics.ts';
import { createRestServer } from '../server/rest/rest-server.ts';
import { RocksdbStore } from '../store/rocksdb-store.ts';
import { Closers } from './closers.ts';
import type { Config } from './config.ts';
import { toControlSettings } from './control-settings.ts';
import { type ListenAddress, parseListenAddress } from './listen-address.ts';
import { newId } from './new-id.ts';
import { VERSION } from './version.ts';

export interface ServerOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Instead of the configured one. */
  readonly joinTokenHash?: string;
  /** Aborts the start, such as a long migration. */
  readonly signal?: AbortSignal;
}

/** A server that listens. */
export interface RunningServer {
  /** Of the REST API, such as `http://127.0.0.1:8900`. */
  readonly url: string;
  /** That executors connect to. */
  readonly executorUrl: string;
  /** The ways into sandboxes; whoever runs an executor in this process adds the short one to it. */
  readonly links: SandboxLinks;
  /** Resolves when the server can't go on and is to be started anew: its store takes no more commits. */
  readonly failed: Promise<SandglassError>;
  /** Lets requests under way finish, then stops everything and closes the store. */
  close(): Promise<void>;
}

/** Puts the server together and starts it. @throws SandglassError `invalid_config` when an address can't be bound, and what the store throws. */
export async function startServer({ config, log, joinTokenHash, signal }: ServerOptions): Promise<RunningServer> {
  const closers = new Closers();
  const failed = Promise.withResolvers<SandglassError>();
  let storeFailure: SandglassError | undefined;
  try {
    const metrics = new Metrics({ version: VERSION });
    const store = await RocksdbStore.open({
      path: join(config.dataDir, 'store'),
      log,
      onFailed: (failure) => {
        storeFailure = failure;
        failed.resolve(failure);
      },
      ...compact({ signal }),
    });
    closers.add(() => store.close());

    const context = { store, clock: systemClock, newId, random: Math.random, settings: toControlSettings(config), log, metrics };
    const plane = createControlPlane(context, store.clusterId);
    await plane.start();
    closers.add(() => plane.close());

    const tls = readTls(config);
    const grpc = new GrpcServer({
      gateway: plane.gateway,
      clock: systemClock,
      log,
      ...compact({ joinTokenHash: joinTokenHash ?? config.server.joinTokenHash, tls }),
    });
    closers.add(() => grpc.close());
    const links = new SandboxLinks(grpc.link);

    const rest = await createRestServer({
      control: plane.control,
      links,
      store,
      clock: systemClock,
      log,
      metrics,
      apiKeys: config.server.apiKeys.map(toApiKey),
      version: VERSION,
      allowedHosts: config.server.publicUrl === undefined ? [] : [new URL(config.server.publicUrl).hostname],
      notReadyBecause: () => (storeFailure === undefined ? [] : [`the store failed: ${storeFailure.message}`]),
      ...compact({ tls, sandboxDomain: config.server.sandboxDomain }),
    });
    closers.add(() => rest.close());

    const scheme = tls === undefined ? 'http' : 'https';
    const executorUrl = await listen(grpc, 'server.executor_listen', config.server.executorListen, scheme);
    const url = await listen(rest, 'server.listen', config.server.listen, scheme);
    log.info({ url, executorUrl, version: VERSION }, 'server is up');
    return { url, executorUrl, links, failed: failed.promise, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** The configuration's rules say that a key is for a namespace or for everything, not both. */
function toApiKey({ name, hash, namespace }: Config['server']['apiKeys'][number]): ApiKey {
  return namespace === undefined ? { name, hash, admin: true } : { name, hash, namespace: parseNamespace(namespace) };
}

function readTls({ server: { tls } }: Config): { cert: string; key: string } | undefined {
  if (tls.certFile === undefined || tls.keyFile === undefined) return undefined;
  return { cert: readPem('cert_file', tls.certFile), key: readPem('key_file', tls.keyFile) };
}

function readPem(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SandglassError('invalid_config', `server.tls.${key}: ${path} can't be read: ${(cause as Error).message}`, { cause });
  }
}

interface Listening {
  listen(host: string, port: number): Promise<AddressInfo>;
}

/** @returns the URL that it is reached under from this machine. */
async function listen(server: Listening, key: string, configured: string, scheme: string): Promise<string> {
  const address = parseListenAddress(configured);
  assert(address !== undefined, `${key} has been checked with the configuration`);
  try {
    const { port } = await server.listen(address.host, address.port);
    return `${scheme}://${reachableHost(address)}:${port}`;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'something else listens there already (another Sandglass?)' : message;
    throw new SandglassError('invalid_config', `${key}: can't listen on ${configured}: ${why}; choose another address`, { cause });
  }
}

/** The wildcard addresses can be listened on, but not be connected to. */
function reachableHost({ host }: ListenAddress): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
