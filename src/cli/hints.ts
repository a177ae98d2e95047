/** What to do about an error, where its message does not say it in words of this CLI. */
export const HINTS: Readonly<Record<string, string>> = {
  unreachable: 'is it running? start it with `sandglass up`, or name another one with --url',
  unexpected_answer: 'check --url or SANDGLASS_URL',
  unauthenticated: 'set SANDGLASS_API_KEY, or name a file that holds the key with --api-key-file',
  permission_denied: 'the key is for another namespace, or not for this: see --namespace',
  sandbox_not_found: 'list what there is with `sandglass sandbox ls --all`; another namespace: --namespace',
  snapshot_not_found: 'list what there is with `sandglass snapshot ls`; another namespace: --namespace',
  executor_not_found: 'list what there is with `sandglass executor ls`',
  sandbox_not_running: 'see its state with `sandglass sandbox get <sandbox>`',
  snapshot_not_active: 'follow it with `sandglass snapshot watch <snapshot>`',
  snapshot_quota_exceeded: 'remove snapshots with `sandglass snapshot rm <snapshot>`',
  executor_unavailable: 'see the executors with `sandglass executor ls`, and what is wrong with `sandglass doctor`',
  engine_unavailable: '`sandglass doctor` tells what is wrong',
  engine_error: '`sandglass doctor` tells what is wrong',
  disk_full: 'free disk space on the executor, or remove snapshots with `sandglass snapshot rm <snapshot>`',
  image_not_found: 'check the name, or `docker pull` or `docker build` the image on the executor',
  shell_not_found: 'the image has no /bin/sh: name the program itself',
  guest_unavailable: 'try again; if it stays so, see what it prints with `sandglass logs <sandbox>`',
  process_not_found: 'list what there is with `sandglass ps <sandbox>`',
  port_unreachable: 'see whether the program in the sandbox listens, with `sandglass logs <sandbox>`',
  file_access_denied: 'name another user with --user, such as root',
  output_lost: 'write what is to be kept to a file, and fetch it with `sandglass cp`',
  wait_timed_out: 'it goes on in the background; wait longer with --wait-timeout',
};

export function hintFor(reason: string): string | undefined {
  return Object.hasOwn(HINTS, reason) ? HINTS[reason] : undefined;
}
