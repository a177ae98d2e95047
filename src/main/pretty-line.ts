import colors from 'picocolors';

/** A line of the JSON log for people: `12:03:11.482 warn  executor went away  executor=exec-…`, then the stack of an error. */
export function prettyLine(json: string): string {
  const { level, time, msg, err, error, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const failure = (err ?? error) as { message?: string; stack?: string } | undefined;
  const shown = Object.entries(fields).map(([name, value]) => colors.dim(`${printable(name)}=`) + printable(value));
  if (failure?.message !== undefined) shown.push(colors.dim('error=') + printable(failure.message));
  const line = [colors.dim(String(time).slice(11, 23)), coloured(String(level)), printable(msg), ...shown].join('  ');
  const stack = level === 'error' ? (failure?.stack ?? '').split('\n').slice(1) : [];
  return `${[line, ...stack.map((frame) => colors.dim(`    ${printable(frame.trim())}`))].join('\n')}\n`;
}

const LEVEL_COLOURS: Record<string, (text: string) => string> = {
  debug: colors.dim,
  info: colors.green,
  warn: colors.yellow,
  error: colors.red,
};

function coloured(level: string): string {
  return (LEVEL_COLOURS[level] ?? String)(level.padEnd(5));
}

/** `value` on one line. Control characters are shown as escapes: what others named must not steer the terminal. */
function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(/^[\u007f-\u009f]$/, '?'),
  );
}
