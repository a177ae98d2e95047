import nodeModule from 'node:module';

/** The native parts: the package that is asked for, and the file of a package of that one, for this kind of machine. */
const FILES = {
  koffi: { owner: 'koffi', file: `@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node` },
  pty: { owner: '@lydell/node-pty', file: `@lydell/node-pty-linux-${process.arch}/pty.node` },
};

/**
 * Loads a native part straight from its file: the JavaScript around it costs more memory and time than the part itself.
 * @throws Error when there is none for this machine.
 */
export function loadNative(name: keyof typeof FILES): unknown {
  const { owner, file } = FILES[name];
  const fromHere = nodeModule.createRequire(import.meta.url);
  return nodeModule.createRequire(fromHere.resolve(owner))(file);
}
