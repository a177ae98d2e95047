import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Some of what is bundled is CommonJS, and asks for Node's modules with `require`. */
const REQUIRE = "import { createRequire as requireAt } from 'node:module';const require=requireAt(import.meta.url);";

/** The guest as one JavaScript module. The published package holds it ready-made; in the repository it is bundled here. */
export function guestProgram(): Promise<string> {
  if (extname(import.meta.url) === '.ts') return bundleGuest(fileURLToPath(new URL('../../guest/main.ts', import.meta.url)));
  return readFile(new URL('../../../guest/main.mjs', import.meta.url), 'utf8');
}

/** Bundles the guest from its sources. `scripts/build-guest.mjs` uses it too. */
export async function bundleGuest(entry: string): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: REQUIRE },
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  return outputFiles.map(({ text }) => text).join('');
}
