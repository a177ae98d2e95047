import { LABEL } from '../driver/labels.ts';
import type { Config } from './config.ts';
import type { Problem } from './config-problems.ts';
import { isLoopback, parseListenAddress } from './listen-address.ts';

interface Findings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

type Rule = (config: Config) => Problem | string | undefined;

/** Checks what no key can tell by itself. A rule answers with a problem (the configuration is refused), a warning, or nothing. */
export function checkRules(config: Config): Findings {
  const found = RULES.flatMap((rule) => rule(config) ?? []);
  return {
    problems: found.filter((finding) => typeof finding !== 'string'),
    warnings: found.filter((finding) => typeof finding === 'string'),
  };
}

const RULES: readonly Rule[] = [
  ({ server }) => portProblem('server.listen', server.listen),
  ({ server }) => portProblem('server.executor_listen', server.executorListen),

  ({ server }) =>
    isPublic(server.listen) && server.apiKeys.length === 0
      ? {
          name: 'server.listen',
          message: `server.listen is ${server.listen}, which other machines can reach, and server.api_keys is empty: anybody could run programs here. Add a key (\`sandglass key generate\` makes one), or listen on 127.0.0.1`,
        }
      : undefined,
  ({ server }) =>
    isPublic(server.executorListen) && server.joinTokenHash === undefined
      ? {
          name: 'server.executor_listen',
          message: `server.executor_listen is ${server.executorListen}, which other machines can reach, and server.join_token_hash is not set: anybody could join as an executor and receive secrets. Set it (\`sandglass key generate\` makes a token and its hash), or listen on 127.0.0.1`,
        }
      : undefined,

  ({ server: { tls } }) =>
    (tls.certFile === undefined) !== (tls.keyFile === undefined)
      ? { name: 'server.tls', message: 'server.tls.cert_file and server.tls.key_file need each other: set both, or neither' }
      : undefined,
  ({ server }) =>
    isPublic(server.listen) && server.tls.certFile === undefined
      ? `server.listen is ${server.listen} without server.tls: API keys cross the network in clear text, unless a proxy in front speaks TLS`
      : undefined,
  ({ server }) =>
    isPublic(server.executorListen) && server.tls.certFile === undefined
      ? `server.executor_listen is ${server.executorListen} without server.tls: the join token and secrets cross the network in clear text`
      : undefined,
  ({ executor }) => {
    const { protocol, hostname } = new URL(executor.serverUrl);
    return protocol === 'http:' && !isLoopback(hostname) && executor.joinToken !== undefined
      ? `executor.server_url is ${executor.serverUrl}: the join token and secrets cross the network in clear text; use https`
      : undefined;
  },

  ({ server: { apiKeys } }) => {
    const wrong = apiKeys.findIndex(({ namespace, admin }) => (namespace !== undefined) === (admin === true));
    return wrong < 0
      ? undefined
      : {
          name: `server.api_keys.${wrong}`,
          message: `server.api_keys.${wrong} must have either \`namespace\` (it opens that one) or \`admin: true\` (it opens all)`,
        };
  },
  ({ server: { apiKeys } }) => repeated('server.api_keys', 'name', apiKeys),
  ({ server: { apiKeys } }) => repeated('server.api_keys', 'hash', apiKeys),
  ({ executor: { registries } }) => repeated('executor.registries', 'host', registries),
  ({ executor: { engineLabels } }) => {
    const own = Object.values<string>(LABEL).find((name) => Object.hasOwn(engineLabels, name));
    return own === undefined
      ? undefined
      : {
          name: 'executor.engine_labels',
          message: `executor.engine_labels must not set ${own}: it is how the executor knows what it has made`,
        };
  },

  ({ server: { retry } }) =>
    retry.maxMs < retry.baseMs
      ? {
          name: 'server.retry.max_ms',
          message: `server.retry.max_ms must be at least server.retry.base_ms, ${retry.baseMs} (got ${retry.maxMs})`,
        }
      : undefined,
];

function isPublic(listen: string): boolean {
  const address = parseListenAddress(listen);
  return address !== undefined && !isLoopback(address.host);
}

function portProblem(name: string, listen: string): Problem | undefined {
  return parseListenAddress(listen) === undefined
    ? { name, message: `${name} must have a port from 0 to 65535 (got ${listen})` }
    : undefined;
}

function repeated<K extends string>(list: string, field: K, entries: readonly Readonly<Record<K, string>>[]): Problem | undefined {
  const index = entries.findIndex((entry, i) => entries.findIndex((earlier) => earlier[field] === entry[field]) < i);
  return index < 0
    ? undefined
    : { name: `${list}.${index}.${field}`, message: `${list}.${index} has the same ${field} as an entry before it` };
}
