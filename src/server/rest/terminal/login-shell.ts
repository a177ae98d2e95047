/**
 * Becomes the shell that the user would get who logs in: the one of /etc/passwd, or bash where that is plain sh, or not meant for
 * people. Only what every /bin/sh has is used.
 */
const BECOME_LOGIN_SHELL = `
if [ -r /etc/passwd ]; then
  while IFS=: read -r name _ _ _ _ _ shell; do
    if [ "$name" = "$USER" ]; then SHELL=$shell; break; fi
  done </etc/passwd
fi
case "$SHELL" in */nologin|*/false|*/sh|'') SHELL= ;; esac
for shell in "$SHELL" /bin/bash /usr/bin/bash /bin/sh; do
  if [ -x "$shell" ]; then export SHELL="$shell"; exec "$shell" -l; fi
done`;

/** Program and arguments of a user's shell. */
export const LOGIN_SHELL = { cmd: '/bin/sh', args: ['-c', BECOME_LOGIN_SHELL.trim()] } as const;
