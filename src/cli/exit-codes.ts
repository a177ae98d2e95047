/** What the process's exit code says. `exec`, `shell` and `attach` pass the command's own through instead. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  timeout: 4,
  unreachable: 5,
  interrupted: 130,
} as const;

/** For `--help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    done
  1    failed
  2    wrong usage
  3    no such sandbox, snapshot, executor, process or file
  4    timed out
  5    the server cannot be reached
  130  interrupted
  \`exec\`, \`shell\` and \`attach\` end with the exit code of the command.`;

/** For \`--help\`. */
export const ENVIRONMENT_HELP = `
Environment:
  SANDGLASS_URL        the server (default: http://127.0.0.1:8900)
  SANDGLASS_API_KEY    the key, where the server asks for one
  SANDGLASS_NAMESPACE  the namespace (default: default)
  SANDGLASS_CONFIG     the configuration file of server and executor`;
