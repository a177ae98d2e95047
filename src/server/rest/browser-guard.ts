import { isIP } from 'node:net';
import { SandglassError } from '../../model/errors.ts';

/*
 * Without API keys the server trusts whoever reaches loopback, and any web page that its user visits can: by a name of
 * its own that resolves to 127.0.0.1 (DNS rebinding), or by a request that the browser sends without asking. Both are told
 * by headers that a page cannot choose.
 */

interface Headers {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

/**
 * Refuses what a web page of another site may have sent.
 * @param method `UPGRADE` for what asks for a WebSocket: a page can read one of any site, unlike an answer to a GET.
 * @throws SandglassError `permission_denied`.
 */
export function guardAgainstBrowsers(method: string, headers: Headers, isOwnHost: (name: string) => boolean): void {
  const { host, origin } = headers;
  // HTTP/1.0 has no Host header; browsers always send one.
  if (host !== undefined && !isTrusted(hostName(host), isOwnHost)) {
    throw new SandglassError(
      'permission_denied',
      `host ${JSON.stringify(host)} is not this server's; use 127.0.0.1 or localhost, or configure API keys`,
    );
  }
  if (method === 'GET' || method === 'HEAD') return;
  const foreignOrigin = origin !== undefined && originHost(origin) !== host;
  if (foreignOrigin || headers['sec-fetch-site'] === 'cross-site') {
    throw new SandglassError('permission_denied', 'requests of web pages from other origins are refused; configure API keys to allow them');
  }
}

function isTrusted(name: string, isOwnHost: (name: string) => boolean): boolean {
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  if (isIP(name) === 4 && name.startsWith('127.')) return true;
  return isOwnHost(name);
}

/** The name or address in a Host header, in lower case, without port and brackets. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](:\d+)?$/.exec(host)?.[1];
  return (bracketed ?? host.replace(/:\d+$/, '')).toLowerCase();
}

/** Host and port of an Origin header; `null`, as in sandboxed frames, has none. */
function originHost(origin: string): string | undefined {
  return /^https?:\/\/(.+)$/.exec(origin)?.[1];
}
