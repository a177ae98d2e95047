const DEFAULT_SECS = 90;
const MAX_SECS = 86_400;

/** How often a stream says that it is alive, in milliseconds: what the header `Keepalive-Ping-Interval` asks for in seconds, or 90 s. */
export function keepaliveMs(header: string | null): number {
  const asked = Number(header ?? Number.NaN);
  return (asked >= 1 ? Math.min(asked, MAX_SECS) : DEFAULT_SECS) * 1000;
}
