import type { IncomingMessage } from 'node:http';
import type { PortHosts } from './port-hosts.ts';

/*
 * The path that a program in a sandbox sees is its own: any bytes, with any meaning. So it is cut off before a request is
 * routed, and neither decoded nor checked.
 */

/** Path that requests to host names of ports are routed to; nobody gets there by asking for it. */
export const PORT_HOST_PATH = '/@port-host';

const BELOW_PORT = /^(\/v1\/namespaces\/[^/?#]*\/sandboxes\/[^/?#]*\/ports\/[^/?#]*)(\/.*)$/s;

/** The URL that a request is routed by. */
export function routedUrl({ url = '/', headers }: Pick<IncomingMessage, 'url' | 'headers'>, hosts: PortHosts): string {
  if (hosts.parse(headers.host) !== undefined) return PORT_HOST_PATH;
  const [, prefix] = BELOW_PORT.exec(url) ?? [];
  return prefix === undefined ? url : `${prefix}/`;
}

/** The URL of a request below a port as the client wrote it, cut where the program's path begins. */
export function splitPortUrl(url: string): { readonly prefix: string; readonly path: string } {
  const [, prefix = '', path = '/'] = BELOW_PORT.exec(url) ?? [];
  return { prefix, path };
}

/** Path and query of a request to a host name. Clients of proxies write scheme and host before it (RFC 9112, 3.2.2). */
export function originForm(url: string): string {
  const path = url.replace(/^https?:\/\/[^/?]*/i, '');
  return path.startsWith('/') || path === '*' ? path : `/${path}`;
}
