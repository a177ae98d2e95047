import type { Encoding } from '../schemas/exec.ts';

/** A function from chunks of output to text, cut between characters; without a chunk it gives what it has kept back. */
export function textDecoder(encoding: Encoding = 'utf8'): (chunk?: Uint8Array) => string {
  if (encoding === 'base64') return (chunk = new Uint8Array(0)) => Buffer.from(chunk).toString('base64');
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  return (chunk) => (chunk === undefined ? utf8.decode() : utf8.decode(chunk, { stream: true }));
}
