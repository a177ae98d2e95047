import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { arch } from 'node:process';

/** Native libraries for glibc, each in a package that another one depends on; `src/guest/native.ts` looks for them there. */
const LIBRARIES = [
  { owner: 'koffi', file: `@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node` },
  { owner: '@lydell/node-pty', file: `@lydell/node-pty-linux-${arch}/pty.node` },
];

/**
 * The native libraries that the guest loads, and what is needed of the packages that own them to find them, each with its name
 * below `node_modules` and its absolute path.
 */
export function nativeParts(): { readonly name: string; readonly path: string }[] {
  const here = createRequire(import.meta.url);
  return LIBRARIES.flatMap(({ owner, file }) => {
    const main = here.resolve(owner);
    return [
      { name: `${owner}/package.json`, path: join(dirname(main), 'package.json') },
      { name: `${owner}/${basename(main)}`, path: main },
      { name: file, path: createRequire(main).resolve(file) }, // npm may have put it below its owner
    ];
  });
}
