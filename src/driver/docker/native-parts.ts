import { createRequire } from 'node:module';
import { arch } from 'node:process';

/** The builds for glibc, which the bundle brings along, by the names that the guest knows them by; see `src/guest/native.ts`. */
const FILES = {
  'koffi.node': { owner: 'koffi', file: `@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node` },
  'pty.node': { owner: '@lydell/node-pty', file: `@lydell/node-pty-linux-${arch}/pty.node` },
};

/** The native libraries that the guest loads, each with its absolute path. npm may have put them below the package that owns them. */
export function nativeParts(): { readonly name: string; readonly path: string }[] {
  const here = createRequire(import.meta.url);
  return Object.entries(FILES).map(([name, { owner, file }]) => ({ name, path: createRequire(here.resolve(owner)).resolve(file) }));
}
