import type { TerminalSize } from '../../guests/processes.ts';
import { MAX_TERMINAL_SIZE } from '../schemas/terminal.ts';

/** A client that does not keep to the subprotocol. The message says what is wrong, in at most 100 characters. */
export class ProtocolError extends Error {}

/** The size that a control message of a terminal's client asks for. @throws ProtocolError */
export function parseResize(text: string): TerminalSize {
  const message = parseObject(text);
  if (message.type !== 'resize') throw new ProtocolError('the only text that is taken is {"type":"resize","cols","rows"}');
  return { cols: parseSize('cols', message.cols), rows: parseSize('rows', message.rows) };
}

function parseSize(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_TERMINAL_SIZE) return value;
  throw new ProtocolError(`${name} must be a whole number from 1 to ${MAX_TERMINAL_SIZE}`);
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // As if it were no object.
  }
  throw new ProtocolError('a text must be an object of JSON; input goes in binary messages');
}
