/**
 * Names of files that are being written. They say whether a file is to be replaced, so that those who watch the directory are told of
 * the write that was asked for, and not of how it is done.
 */
const PATTERN = /^\.sandglass-(new|over)-[0-9a-f]{16}$/;

/** @param unique 8 random bytes. */
export function stagedName(isNew: boolean, unique: Buffer): string {
  return `.sandglass-${isNew ? 'new' : 'over'}-${unique.toString('hex')}`;
}

/** Which of the two a name is; undefined for names of others. */
export function stagedKind(name: string): 'new' | 'over' | undefined {
  return PATTERN.exec(name)?.[1] as 'new' | 'over' | undefined;
}
