import { once } from 'node:events';
import { extract, pack } from 'tar-stream';
import { segmentsBelow } from './entry-path.ts';

/**
 * The archive of a folder without that folder's own name, so that it can be unpacked under another one. Nothing of it is kept here.
 * @throws CliError for a name that is not in the folder; whatever reading `archive` throws.
 */
export async function* withoutOwnName(archive: AsyncIterable<Uint8Array>, ownName: string): AsyncGenerator<Uint8Array, void> {
  const renamed = pack();
  // It goes on in the background, no further than there is room for.
  const renaming = rename(archive, ownName, renamed).then(
    () => renamed.finalize(),
    (error: Error) => renamed.destroy(error),
  );
  try {
    yield* renamed as AsyncIterable<Uint8Array>;
    await renaming;
  } finally {
    renamed.destroy();
  }
}

async function rename(archive: AsyncIterable<Uint8Array>, ownName: string, renamed: ReturnType<typeof pack>): Promise<void> {
  const entries = extract();
  const feeding = feed(archive, entries);
  for await (const entry of entries) {
    const { name, type, size, mode, mtime, linkname } = entry.header;
    const below = segmentsBelow(ownName, name);
    if (below.length === 0) {
      entry.resume(); // the folder itself
      continue;
    }
    const link = type === 'link' ? segmentsBelow(ownName, linkname).join('/') : linkname;
    const copy = renamed.entry({ name: below.join('/'), type, size, mode, mtime, uid: 0, gid: 0, linkname: link });
    const written = once(copy, 'close');
    for await (const chunk of entry) if (!copy.write(chunk)) await Promise.race([once(copy, 'drain'), written]);
    copy.end(undefined);
    await written;
  }
  await feeding;
}

/** Never rejects: what breaks here is told where the entries are read. Ends early when nobody reads them any more. */
async function feed(archive: AsyncIterable<Uint8Array>, entries: ReturnType<typeof extract>): Promise<void> {
  entries.on('error', () => {});
  const closed = once(entries, 'close').catch(() => {}); // an error is told where the entries are read
  try {
    for await (const chunk of archive) {
      if (!entries.write(chunk)) await Promise.race([once(entries, 'drain'), closed]);
      if (entries.destroying) return;
    }
    entries.end(undefined);
  } catch (error) {
    entries.destroy(error as Error);
  }
}
