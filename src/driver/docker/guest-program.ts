import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';

/** The guest as two files, to be put into one folder; see `src/guest/loader.ts`. */
export interface GuestProgram {
  /** JavaScript module that Node is started with. */
  readonly loader: string;
  /** A function of `require` and the URL of that folder, as an expression. */
  readonly program: string;
}

/** Names of the two files, wherever they lie. */
export const GUEST_FILES: Readonly<Record<keyof GuestProgram, string>> = { loader: 'main.mjs', program: 'program.cjs' };

/** The published package holds the guest ready-made; in the repository it is bundled here. */
export async function guestProgram(): Promise<GuestProgram> {
  if (extname(import.meta.url) === '.ts') return bundleGuest(fileURLToPath(new URL('../../guest/', import.meta.url)));
  const read = (name: string) => readFile(new URL(`../../../guest/${name}`, import.meta.url), 'utf8');
  return { loader: await read(GUEST_FILES.loader), program: await read(GUEST_FILES.program) };
}

/** Bundles the guest from the folder of its sources. `scripts/build-guest.mjs` uses it too. */
export async function bundleGuest(sources: string): Promise<GuestProgram> {
  const [loader, program] = await Promise.all([
    bundle(`${sources}/loader.ts`, { format: 'esm' }),
    bundle(`${sources}/main.ts`, { format: 'cjs', define: { 'import.meta.url': 'guestUrl' } }),
  ]);
  return { loader, program: `(function (require, guestUrl) {${program}\n})` };
}

async function bundle(entry: string, options: BuildOptions): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles = [] } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
    ...options,
  });
  return outputFiles.map(({ text }) => text).join('');
}
