const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes as Docker shows them, in powers of 1000: `12.3 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What would round to 1000 belongs to the next unit.
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** Mebibytes as memory limits are given: `512 MiB`, `2 GiB`; what is no round number of GiB is rounded from 10 GiB on. */
export function formatMebibytes(mebibytes: number): string {
  if (mebibytes >= 1024 && mebibytes % 256 === 0) return `${mebibytes / 1024} GiB`;
  return mebibytes < 10_240 ? `${mebibytes} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

/** A span of time in its largest unit, like `45s`, `3m`, `5h`, `12d`; below zero as zero. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A measured duration, like `120 ms` or `3.2 s`. */
export function formatDuration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** A moment as people and programs read it: `2025-06-15T15:06:40Z`. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A moment with its distance from now: `2025-06-15T15:06:40Z (3m ago)`. */
export function formatMoment(epochMs: number, now: number): string {
  const distance = epochMs > now ? `in ${formatSpan(epochMs - now)}` : `${formatSpan(now - epochMs)} ago`;
  return `${formatTime(epochMs)} (${distance})`;
}
