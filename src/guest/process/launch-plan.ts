import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Account, findAccount } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { GuestSettings } from '../settings.ts';
import { processEnvironment } from './environment.ts';

/** Columns and rows of a terminal, each from 1 to 65,535. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** A process as a client asks for it. */
export interface LaunchRequest {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /** A name, uid, `name:group` or `uid:gid`. */
  readonly user?: string | undefined;
  /** False: it reads nothing. Without effect on a terminal. */
  readonly hasInput: boolean;
  /** Present: it gets a terminal. */
  readonly terminal?: TerminalSize | undefined;
}

/** A process that has all it needs to be started. */
export interface LaunchPlan {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly account: Account;
  /** Absolute, or relative to the default one; `checkPlan` says what becomes of it. */
  readonly cwd: string;
  /** Whether nobody has asked for this directory, so that another does when it is not there. */
  readonly isHome: boolean;
}

/** What a plan comes to for its user. */
export interface CheckedPlan {
  /** The directory to start in. */
  readonly cwd: string;
  /** Path of the program. */
  readonly file: string;
}

/** @throws GuestError `invalid_user`, `invalid_request` */
export function planLaunch(request: LaunchRequest, settings: GuestSettings): LaunchPlan {
  const { cmd, args } = request;
  const account = accountOf(request.user, settings);
  const env = processEnvironment(account, settings, request.env, request.terminal !== undefined);
  if (cmd === '') throw new GuestError('invalid_request', 'cmd must not be empty');
  const texts = [cmd, ...args, ...Object.entries(env).flat(), request.cwd ?? ''];
  if (texts.some((text) => text.includes('\0'))) throw new GuestError('invalid_request', 'a command must not contain NUL characters');
  const badName = Object.keys(env).find((name) => name === '' || name.includes('='));
  if (badName !== undefined) throw new GuestError('invalid_request', `${JSON.stringify(badName)} is no name for a variable`);
  const base = settings.workdir ?? account.home;
  const cwd = request.cwd === undefined || request.cwd === '' ? base : resolve('/', base, expandHome(request.cwd, account.home));
  return { cmd, args, env, account, cwd, isHome: cwd === account.home };
}

/**
 * Looks whether the process can be started, so that clients hear the same of plain processes and of terminals, which can't
 * tell. To be called as the plan's user: it may see other files than root does.
 * @throws GuestError `command_not_found`, `invalid_workdir`
 */
export function checkPlan(plan: LaunchPlan): CheckedPlan {
  const cwd = usableDirectory(plan);
  return { cwd, file: findProgram(plan, cwd) };
}

function accountOf(user: string | undefined, settings: GuestSettings): Account {
  try {
    return findAccount(user, settings);
  } catch (error) {
    throw new GuestError('invalid_user', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function expandHome(path: string, home: string): string {
  if (path === '~') return home;
  return path.startsWith('~/') ? join(home, path.slice(2)) : path;
}

function usableDirectory({ cwd, isHome, account }: LaunchPlan): string {
  const stats = statOf(cwd);
  if (stats?.isDirectory() && accessFailure(cwd) === undefined) return cwd;
  if (isHome) return '/';
  if (stats === undefined) throw new GuestError('invalid_workdir', `there is no working directory ${cwd}`);
  if (!stats.isDirectory()) throw new GuestError('invalid_workdir', `the working directory ${cwd} is not a directory`);
  throw new GuestError('invalid_workdir', `user ${account.name} may not enter the working directory ${cwd}`);
}

function findProgram({ cmd, env, account }: LaunchPlan, cwd: string): string {
  const directories = cmd.includes('/') ? [''] : (env.PATH ?? '').split(':');
  const files = directories.map((directory) => resolve(cwd, directory, cmd)).filter((path) => statOf(path)?.isFile());
  const program = files.find((path) => accessFailure(path) === undefined);
  if (program !== undefined) return program;
  const [file] = files;
  if (file !== undefined) {
    throw new GuestError('command_not_found', `${file} is not executable for user ${account.name}`, { cause: accessFailure(file) });
  }
  throw new GuestError('command_not_found', `there is no command ${JSON.stringify(cmd)}${cmd.includes('/') ? '' : ' in PATH'}`);
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // below something that is no directory, or that the user may not enter
  }
}

/** Why the file can't be executed, or the directory entered; undefined when it can. */
function accessFailure(path: string): unknown {
  try {
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return error;
  }
}
