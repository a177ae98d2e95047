import { open } from 'node:fs/promises';

const PT_INTERP = 3;
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]); // ELF, 64 bits, little-endian

/**
 * The program interpreter (dynamic loader) that an executable asks for; undefined when it is statically linked.
 * Source: ELF-64 object file format, program headers.
 * @throws Error when the file is no 64-bit little-endian ELF executable.
 */
export async function readInterpreter(path: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    const read = async (position: number, length: number) => {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(length), position });
      return buffer.subarray(0, bytesRead);
    };
    const header = await read(0, 64);
    if (header.length < 64 || !header.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error(`${path} is not a 64-bit ELF executable`);
    const entrySize = header.readUInt16LE(54);
    const entries = await read(Number(header.readBigUInt64LE(32)), entrySize * header.readUInt16LE(56));
    for (let at = 0; at + 56 <= entries.length; at += entrySize) {
      if (entries.readUInt32LE(at) !== PT_INTERP) continue;
      const text = await read(Number(entries.readBigUInt64LE(at + 8)), Number(entries.readBigUInt64LE(at + 32)));
      return text.toString('latin1').replace(/\0.*$/s, '');
    }
    return undefined;
  } finally {
    await file.close();
  }
}
