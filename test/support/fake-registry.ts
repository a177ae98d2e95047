import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { tarOf } from '../../src/driver/docker/tar.ts';

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/**
 * A registry (OCI distribution, pull only) on loopback with one image, `<host>/tests/image:1`, of one layer.
 * It can ask for a password, stand still in the middle of the layer, and answer every request with an error.
 */
export class FakeRegistry {
  readonly #server: Server;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifest: Buffer;
  #port = 0;
  /** When set, only this user and password may pull. */
  credentials: { username: string; password: string } | undefined;
  /** When set, a layer's second half is not sent. */
  stalls = false;
  /** When set, the status of every answer. */
  failure: number | undefined;
  /** Resolves when a layer has been asked for. */
  readonly layerRequested = Promise.withResolvers<void>();

  private constructor(labels: Readonly<Record<string, string>>) {
    const layer = tarOf({ 'random.txt': randomBytes(2_000_000).toString('base64') }); // does not shrink
    const compressed = gzipSync(layer);
    const config = Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Labels: labels },
        rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
        history: [{ created_by: 'test' }],
      }),
    );
    this.#manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: config.length, digest: digestOf(config) },
        layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: compressed.length, digest: digestOf(compressed) }],
      }),
    );
    for (const blob of [compressed, config]) this.#blobs.set(digestOf(blob), blob);
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** @param labels of the image. */
  static async start(labels: Readonly<Record<string, string>>): Promise<FakeRegistry> {
    const registry = new FakeRegistry(labels);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    registry.#port = (registry.#server.address() as AddressInfo).port;
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get image(): string {
    return `${this.host}/tests/image:1`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const [, kind, reference = ''] = /^\/v2\/tests\/image\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
    const blob = kind === 'blobs' ? this.#blobs.get(reference) : undefined;
    const isManifest = kind === 'manifests' && (reference === '1' || reference === digestOf(this.#manifest));
    if (this.failure !== undefined) {
      sendError(response, this.failure, 'UNKNOWN', 'out of order');
    } else if (this.credentials !== undefined && request.headers.authorization !== basic(this.credentials)) {
      response.setHeader('www-authenticate', 'Basic realm="tests"');
      sendError(response, 401, 'UNAUTHORIZED', 'authentication required');
    } else if (isManifest) {
      send(response, MANIFEST_TYPE, this.#manifest);
    } else if (blob !== undefined) {
      this.#sendBlob(response, blob);
    } else if (request.url === '/v2/') {
      send(response, 'application/json', Buffer.from('{}'));
    } else {
      sendError(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    }
  }

  #sendBlob(response: ServerResponse, blob: Buffer): void {
    const isLayer = blob.length > 10_000;
    if (isLayer) this.layerRequested.resolve();
    if (isLayer && this.stalls) {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, blob.length / 2));
    } else {
      send(response, 'application/octet-stream', blob);
    }
  }
}

function send(response: ServerResponse, type: string, body: Buffer): void {
  response.writeHead(200, { 'content-type': type, 'content-length': body.length, 'docker-content-digest': digestOf(body) });
  response.end(body);
}

function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
