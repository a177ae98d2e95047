import { existsSync } from 'node:fs';
import nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

/** The native parts, and where npm keeps them; in the bundle that is mounted into sandboxes they lie beside the program. */
const PACKAGES = {
  koffi: { owner: 'koffi', file: `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node` },
  pty: { owner: '@lydell/node-pty', file: `@lydell/node-pty-linux-${process.arch}/pty.node` },
};

/**
 * Loads a native part straight from its file: the JavaScript around it would cost more memory and time than the part itself.
 * @throws Error when there is none for this machine.
 */
export function loadNative(name: keyof typeof PACKAGES): unknown {
  const require = nodeModule.createRequire(import.meta.url);
  const bundled = fileURLToPath(new URL(`./${name}.node`, import.meta.url));
  if (existsSync(bundled)) return require(bundled);
  const { owner, file } = PACKAGES[name];
  return nodeModule.createRequire(require.resolve(owner))(file);
}
