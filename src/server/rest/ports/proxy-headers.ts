import { BEARER_SUBPROTOCOL } from '../../auth.ts';

/** Header lines in the order in which they came: name, value, name, value …, as `rawHeaders` of Node has them. */
export type RawHeaders = readonly string[];

/** Of one connection, and not of the message (RFC 9110, 7.6.1). Node sets those of the next connection itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** What the proxy says itself; `expect` it has answered. */
const REPLACED_IN_REQUEST = new Set([
  'content-length',
  'expect',
  'host',
  'x-api-key',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-namespace',
]);

/**
 * What would act on the whole origin, which is the API's, when it comes from a path of it. The cookies of an origin belong to
 * everything on the same host, other ports included.
 */
const OF_THE_ORIGIN = new Set([
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'critical-ch',
  'nel',
  'origin-agent-cluster',
  'public-key-pins',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
]);

/**
 * Has browsers treat what comes from a sandbox as of no origin at all, so that a page in it can't read or change what the API's
 * origin holds. Added to whatever policy the page has itself: all that there are apply.
 */
export const SANDBOX_POLICY = 'sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads';

/** Words of an `Authorization` header that are looked at. */
const MAX_WORDS = 16;

export interface ForwardedFrom {
  /** Address of the client. */
  readonly address: string;
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** The path of the API that stands for `/` of the sandbox's program; undefined where its host name does. */
  readonly prefix?: string;
  /** The `Host` that the program is to see. */
  readonly appHost: string;
  /** Tells the keys of this server from other tokens. */
  readonly isKey: (text: string) => boolean;
}

/** Headers of a request as a program in a sandbox is to get them: without those of the connection, and without any key of ours. */
export function toAppHeaders(rawHeaders: RawHeaders, from: ForwardedFrom): [string, string][] {
  const named = namedByConnection(rawHeaders);
  const headers: [string, string][] = [['Host', from.appHost]];
  const clients: string[] = [];
  let [host, scheme]: [string, string] = [from.host, from.scheme];
  for (const [name, value, lower] of lines(rawHeaders)) {
    if (lower === 'x-forwarded-for') clients.push(value);
    // What a proxy in front of us says is nearer to what the user has typed.
    else if (lower === 'x-forwarded-host') host = value;
    else if (lower === 'x-forwarded-proto' && /^https?$/i.test(value)) scheme = value.toLowerCase();
    if (HOP_BY_HOP.has(lower) || REPLACED_IN_REQUEST.has(lower) || named.has(lower)) continue;
    if (lower === 'authorization' && isOurs(value, from.isKey)) continue;
    if (lower === 'cookie' && from.prefix !== undefined) continue;
    if (lower === 'sec-websocket-protocol') {
      const offered = withoutKeys(value);
      if (offered !== '') headers.push([name, offered]);
      continue;
    }
    headers.push([name, value]);
  }
  headers.push(['X-Forwarded-For', [...clients, from.address].join(', ')], ['X-Forwarded-Host', host], ['X-Forwarded-Proto', scheme]);
  if (from.prefix !== undefined) headers.push(['X-Forwarded-Prefix', from.prefix]);
  return headers;
}

/**
 * Headers of a program's answer as the client is to get them.
 * @param prefix path of the API that the program is reached under, when it has no origin of its own.
 */
export function toClientHeaders(rawHeaders: RawHeaders, prefix: string | undefined): [string, string][] {
  const named = namedByConnection(rawHeaders);
  const headers: [string, string][] = [];
  for (const [name, value, lower] of lines(rawHeaders)) {
    if (HOP_BY_HOP.has(lower) || named.has(lower) || lower === 'content-length') continue;
    if (prefix === undefined) headers.push([name, value]);
    else if (lower === 'location') headers.push([name, below(prefix, value)]);
    else if (!OF_THE_ORIGIN.has(lower) && !lower.startsWith('access-control-')) headers.push([name, value]);
  }
  if (prefix !== undefined) headers.push(['Content-Security-Policy', SANDBOX_POLICY]);
  return headers;
}

/** A program that does not know of its prefix redirects to paths of its own. */
function below(prefix: string, location: string): string {
  const isPath = location.startsWith('/') && !/^\/[/\\]/.test(location);
  return isPath && location !== prefix && !location.startsWith(`${prefix}/`) ? prefix + location : location;
}

/** However it is written: what we would not take as a key is still one. */
function isOurs(authorization: string, isKey: (text: string) => boolean): boolean {
  return authorization.split(/[\s,]+/, MAX_WORDS).some((word) => word !== '' && isKey(word));
}

function withoutKeys(subprotocols: string): string {
  const offered = subprotocols.split(',').map((name) => name.trim());
  return offered.filter((name) => name !== '' && !name.startsWith(BEARER_SUBPROTOCOL)).join(', ');
}

/** Names in `Connection`: headers that are of this connection only. What frames the message is not up to it. */
function namedByConnection(rawHeaders: RawHeaders): ReadonlySet<string> {
  const named = new Set<string>();
  for (const [, value, lower] of lines(rawHeaders)) {
    if (lower === 'connection') for (const name of value.split(',')) named.add(name.trim().toLowerCase());
  }
  return named;
}

function* lines(rawHeaders: RawHeaders): Generator<[name: string, value: string, lower: string]> {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    yield [name, value, name.toLowerCase()];
  }
}
