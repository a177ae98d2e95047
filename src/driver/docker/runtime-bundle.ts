import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { readInterpreter } from './elf.ts';
import { GUEST_FLAGS } from './guest-command.ts';
import { GUEST_FILES, guestProgram } from './guest-program.ts';
import { nativeParts } from './native-parts.ts';

/**
 * A folder with all that the guest needs to run in any image: `node`, its loader `ld.so`, the libraries `lib/`, the guest's
 * program `guest/main.mjs` with its native libraries beside it, and `init` where the host has a static one. It is mounted
 * read-only into every sandbox.
 */
export interface RuntimeBundle {
  /** Absolute path on the host. */
  readonly directory: string;
  /** Whether it holds `init`, which reaps zombies and passes on signals. */
  readonly hasInit: boolean;
}

/** Where static init programs are: Docker Engine brings one. */
const INIT_PATHS = ['/usr/bin/docker-init', '/usr/libexec/docker/docker-init', '/usr/local/bin/docker-init', '/usr/bin/tini-static'];
const TEMPORARY_PREFIX = '.tmp-';
const COMPILE_TIMEOUT_MS = 30_000;
const runFile = promisify(execFile);

/** A file of the bundle, copied from the host or written from text. */
type Part = { readonly name: string } & ({ readonly source: string } | { readonly text: string });

/**
 * Finds the bundle under `root`, or makes it. Its folder's name is a digest of what it is made of, so another Node or another
 * guest makes another bundle, and sandboxes that run on the old one keep it. Its parts are on the disk before it gets its name.
 * @param root folder for bundles.
 * @param node the Node executable to put into it.
 */
export async function ensureRuntimeBundle(root: string, node: string): Promise<RuntimeBundle> {
  const guest = await guestParts();
  const parts = [...(await nodeParts(node, guest)), ...guest, ...(await initParts())];
  const hasInit = parts.some(({ name }) => name === 'init');
  const directory = join(root, await digestOf(parts));
  if (await exists(directory)) return { directory, hasInit };

  await mkdir(root, { recursive: true });
  const temporary = await mkdtemp(join(root, TEMPORARY_PREFIX));
  try {
    for (const part of parts) await writePart(temporary, part);
    await compileGuest(temporary);
    await chmod(temporary, 0o755);
    for (const folder of new Set(['', ...parts.map(({ name }) => dirname(name))])) await sync(join(temporary, folder));
    await rename(temporary, directory);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (!(await exists(directory))) throw error; // otherwise another process was faster
  }
  return { directory, hasInit };
}

/** Removes bundles that are neither `current` nor in `mounted`, and what an interrupted `ensureRuntimeBundle` left. */
export async function collectRuntimeBundles(root: string, current: string, mounted: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(root)) {
    const directory = join(root, name);
    if (directory !== current && !mounted.has(directory)) await rm(directory, { recursive: true, force: true });
  }
}

/** Node with its loader, and the libraries that it and the guest's native libraries are linked with. */
async function nodeParts(node: string, guest: readonly Part[]): Promise<Part[]> {
  const loader = await readInterpreter(node);
  if (loader === undefined) throw new Error(`${node} is statically linked; the guest needs a Node with a dynamic loader`);
  const linked = [node, ...guest.flatMap((part) => ('source' in part && part.name.endsWith('.node') ? [part.source] : []))];
  const lists = await Promise.all(linked.map((path) => runFile(loader, ['--list', path])));
  const libraries = new Set(lists.flatMap(({ stdout }) => [...stdout.matchAll(/=> (\/\S+)/g)].map(([, path = '']) => path)));
  return [
    { name: 'node', source: node },
    { name: 'ld.so', source: loader },
    ...[...libraries].map((path) => ({ name: `lib/${basename(path)}`, source: path })),
  ];
}

async function guestParts(): Promise<Part[]> {
  const { loader, program } = await guestProgram();
  return [
    { name: `guest/${GUEST_FILES.loader}`, text: loader },
    { name: `guest/${GUEST_FILES.program}`, text: program },
    ...nativeParts().map(({ name, path }) => ({ name: `guest/${name}`, source: path })),
  ];
}

/**
 * Has the guest run for a moment, on the bundle's own Node and with its flags, and keep the code that V8 makes of it. Where that
 * can't be done, such as in a folder from which nothing may be run, guests compile it at each start.
 */
async function compileGuest(directory: string): Promise<void> {
  const at = (name: string) => join(directory, name);
  const cache = at('guest/program.cache');
  const args = ['--library-path', at('lib'), at('node'), ...GUEST_FLAGS, at(`guest/${GUEST_FILES.loader}`)];
  try {
    await runFile(at('ld.so'), [...args, '--write-cache', cache, '--socket', at('nobody-listens')], { timeout: COMPILE_TIMEOUT_MS });
    await chmod(cache, 0o755);
    await sync(cache);
  } catch {
    await rm(cache, { force: true });
  }
}

async function initParts(): Promise<Part[]> {
  for (const path of INIT_PATHS) {
    if ((await exists(path)) && (await readInterpreter(path)) === undefined) return [{ name: 'init', source: path }];
  }
  return [];
}

async function digestOf(parts: readonly Part[]): Promise<string> {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(`${part.name}\0`);
    if ('text' in part) hash.update(`${part.text}\0`);
    else {
      const { size, mtimeMs } = await stat(part.source);
      hash.update(`${size} ${mtimeMs}\0`);
    }
  }
  return hash.digest('hex');
}

async function writePart(directory: string, part: Part): Promise<void> {
  const path = join(directory, part.name);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  if ('text' in part) await writeFile(path, part.text);
  else await copyFile(part.source, path, constants.COPYFILE_FICLONE);
  await chmod(path, 0o755);
  await sync(path);
}

async function sync(path: string): Promise<void> {
  const file = await open(path);
  await file.sync();
  await file.close();
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
