import { hostname } from 'node:os';
import type { Account } from '../account.ts';
import type { GuestSettings } from '../settings.ts';

/** Where Docker looks for programs when an image does not say. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const DEFAULT_TERM = 'xterm-256color';

/** The variables of a new process; what comes later in the list of arguments wins over what the account and the system say. */
export function processEnvironment(
  account: Account,
  settings: GuestSettings,
  requested: Readonly<Record<string, string>>,
  hasTerminal = false,
): Record<string, string> {
  return {
    PATH: DEFAULT_PATH,
    HOSTNAME: hostname(),
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    ...(hasTerminal ? { TERM: DEFAULT_TERM } : {}),
    ...settings.env,
    ...requested,
  };
}
