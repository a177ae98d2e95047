/*
 * Bounds of the executor protocol. Both sides keep to them and check that the other does.
 */

/** Largest message of a session: an inventory of about 100,000 objects, or an operation with all its environment. */
export const MAX_SESSION_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Most bytes, or longest line, in one message of a tunnel. Larger pieces are hardly faster, and make others wait. */
export const CHUNK_BYTES = 64 * 1024;

/** Largest message of a tunnel: one piece and what surrounds it. */
export const MAX_TUNNEL_MESSAGE_BYTES = CHUNK_BYTES + 4 * 1024;

/** Tunnels that may be open to one executor at one time. */
export const MAX_TUNNELS = 1024;

/** Either side gives a session up when it has heard nothing for this many heartbeat intervals. */
export const SILENT_INTERVALS = 3;

/** Bytes that may be under way on one stream before its reader must have taken some. */
export const STREAM_WINDOW_BYTES = 256 * 1024;

/**
 * Bytes that may be under way on all streams of one connection. Heartbeats wait behind them: at 10 Mbit/s for about 3 s. Bytes
 * that have arrived do not count, also while nobody reads them.
 */
export const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/** Progress of one operation is sent, and stored, at most once in this time; the latest wins. */
export const PROGRESS_INTERVAL_MS = 250;
