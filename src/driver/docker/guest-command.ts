import { GUEST_SOCKET } from '../guest-door.ts';
import type { RuntimeBundle } from './runtime-bundle.ts';

/** Where the bundle is in a sandbox. `/dev` is a tmpfs of the engine's: a mount point in it leaves no trace in the image. */
export const BUNDLE_TARGET = '/dev/sandglass';
/** Where the folder with the socket is that the guest connects to. */
export const DOOR_TARGET = '/dev/sandglass-run';

/**
 * Flags of the guest's Node. They keep it small: V8's worker threads and a large heap are of no use to it. Compiled code is good
 * for the same flags only. Measured: 17 MB of private memory, and 50 ms until it connects.
 */
export const GUEST_FLAGS = ['--v8-pool-size=0', '--max-old-space-size=64', '--max-semi-space-size=1'] as const;

/** The command that runs the guest. */
export function guestCommand({ hasInit }: RuntimeBundle): string[] {
  return [
    ...(hasInit ? [`${BUNDLE_TARGET}/init`, '--'] : []),
    `${BUNDLE_TARGET}/ld.so`,
    '--library-path',
    `${BUNDLE_TARGET}/lib`,
    `${BUNDLE_TARGET}/node`,
    ...GUEST_FLAGS,
    `${BUNDLE_TARGET}/guest/main.mjs`,
    '--socket',
    `${DOOR_TARGET}/${GUEST_SOCKET}`,
  ];
}

/** Variables that change how a loader or Node starts. Images set them for their own programs; the guest must not see them. */
const STARTUP_VARIABLES = new Set([
  'LD_AUDIT',
  'LD_BIND_NOW',
  'LD_DEBUG',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
  'GLIBC_TUNABLES',
  'NODE_OPTIONS',
  'NODE_EXTRA_CA_CERTS',
  'NODE_V8_COVERAGE',
  'NODE_REDIRECT_WARNINGS',
  'OPENSSL_CONF',
]);

/** Variables of the image that are kept from the guest, as `NAME=value`; processes of the sandbox get them back. */
export function startupVariables(imageEnv: readonly string[]): string[] {
  return imageEnv.filter((assignment) => STARTUP_VARIABLES.has(variableName(assignment)));
}

/** Empty assignments that hide `startupVariables` from the guest. */
export function hiddenVariables(imageEnv: readonly string[]): string[] {
  return startupVariables(imageEnv).map((assignment) => `${variableName(assignment)}=`);
}

function variableName(assignment: string): string {
  return assignment.split('=', 1)[0] ?? '';
}
