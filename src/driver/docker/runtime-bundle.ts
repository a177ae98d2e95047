import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readInterpreter } from './elf.ts';

/**
 * A folder with all that the guest needs to run in any image: `node`, its loader `ld.so`, the libraries `lib/`, the guest's
 * code `guest/`, and `init` where the host has a static one. It is mounted read-only into every sandbox.
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
  const parts = [...(await nodeParts(node)), ...(await guestParts()), ...(await initParts())];
  const hasInit = parts.some(({ name }) => name === 'init');
  const directory = join(root, await digestOf(parts));
  if (await exists(directory)) return { directory, hasInit };

  await mkdir(root, { recursive: true });
  const temporary = await mkdtemp(join(root, TEMPORARY_PREFIX));
  try {
    await mkdir(join(temporary, 'lib'));
    await mkdir(join(temporary, 'guest'));
    for (const part of parts) await writePart(temporary, part);
    await chmod(temporary, 0o755);
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

async function nodeParts(node: string): Promise<Part[]> {
  const loader = await readInterpreter(node);
  if (loader === undefined) throw new Error(`${node} is statically linked; the guest needs a Node with a dynamic loader`);
  const { stdout } = await runFile(loader, ['--list', node]);
  const libraries = [...stdout.matchAll(/=> (\/\S+)/g)].map(([, path = '']) => path);
  return [
    { name: 'node', source: node },
    { name: 'ld.so', source: loader },
    ...libraries.map((path) => ({ name: `lib/${basename(path)}`, source: path })),
  ];
}

/** The guest as plain JavaScript modules; in the repository, its types are stripped here. */
async function guestParts(): Promise<Part[]> {
  const directory = fileURLToPath(new URL('../../guest/', import.meta.url));
  const extension = extname(import.meta.url);
  const names = (await readdir(directory)).filter((name) => name.endsWith(extension) && !name.includes('.test.') && !name.includes('.d.'));
  return Promise.all(
    names.sort().map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8');
      const plain = extension === '.ts' ? stripTypes(text) : text;
      const renamed = plain.replaceAll(/(from ')(\.\/[\w-]+)\.(?:ts|js)'/g, "$1$2.mjs'");
      return { name: `guest/${basename(name, extension)}.mjs`, text: renamed };
    }),
  );
}

/** Node calls this function experimental with a warning on standard error, which tells a user of ours nothing. */
function stripTypes(text: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
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
  if ('text' in part) await writeFile(path, part.text);
  else await copyFile(part.source, path, constants.COPYFILE_FICLONE);
  await chmod(path, 0o755);
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
