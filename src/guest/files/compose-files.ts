import { stat, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Account } from '../account.ts';
import { GuestError } from '../guest-error.ts';
import type { GuestSettings } from '../settings.ts';
import { fileBytes } from './file-bytes.ts';
import { fileAccount } from './file-owner.ts';
import { resolveChangedPath } from './file-path.ts';
import type { WrittenFile } from './receive-files.ts';
import { openRegularFile } from './regular-file.ts';
import { StagedFile } from './staged-file.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_PARTS = 10_000;

/**
 * Puts files together: `{"source_paths": [..], "destination": "..", "username"?: ".."}`. The destination is replaced at once by what the
 * sources have, in their order; then the sources are removed. When it fails, all is as it was.
 * @param user whom it is for when the body does not say.
 * @throws GuestError invalid_request, request_too_large, disk_full, …
 */
export async function composeFiles(body: AsyncIterable<Buffer>, user: Account, settings: GuestSettings): Promise<WrittenFile> {
  const asked = parseComposition(await readText(body));
  const account = asked.username ? fileAccount(asked.username, settings) : user;
  const destination = resolveChangedPath(asked.destination, account, settings);
  const sources = asked.sources.map((path) => resolveChangedPath(path, account, settings));
  await checkApart(sources, destination);

  const file = await StagedFile.open(destination, account);
  try {
    for (const source of sources) await appendFile(file, source);
    await file.finish({});
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
  for (const source of sources) await unlink(source).catch(() => {}); // the bytes are where they belong, which is what counts
  return { name: basename(destination), type: 'file', path: destination };
}

async function appendFile(file: StagedFile, source: string): Promise<void> {
  const { handle, stats } = await openRegularFile(source);
  try {
    await file.append(fileBytes(handle, 0, stats.size));
  } finally {
    await handle.close();
  }
}

/** By their inodes, as names may differ. A source twice would be removed once, and a destination among them be lost. */
async function checkApart(sources: readonly string[], destination: string): Promise<void> {
  const seen = new Set<string>();
  const target = await stat(destination).then(
    ({ dev, ino }) => `${dev} ${ino}`,
    () => undefined,
  );
  for (const source of sources) {
    const { dev, ino } = await stat(source);
    const identity = `${dev} ${ino}`;
    if (identity === target) throw new GuestError('invalid_request', `${source} is the destination, too`);
    if (seen.has(identity)) throw new GuestError('invalid_request', `${source} is there twice among the sources`);
    seen.add(identity);
  }
}

function parseComposition(text: string): { sources: string[]; destination: string; username?: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new GuestError('invalid_request', 'the body is no JSON');
  }
  const { source_paths: sources, destination, username } = (value ?? {}) as Record<string, unknown>;
  if (!Array.isArray(sources) || sources.length === 0 || !sources.every((path) => typeof path === 'string' && path !== '')) {
    throw new GuestError('invalid_request', 'source_paths must be a list of paths, at least one');
  }
  if (sources.length > MAX_PARTS) throw new GuestError('request_too_large', `at most ${MAX_PARTS} files can be put together at once`);
  if (typeof destination !== 'string' || destination === '') throw new GuestError('invalid_request', 'destination must be a path');
  return typeof username === 'string' ? { sources, destination, username } : { sources, destination };
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new GuestError('request_too_large', `the body is longer than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
