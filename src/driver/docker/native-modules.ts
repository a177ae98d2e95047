import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { arch } from 'node:process';

/** A file of a package, and where the package is to be found in a `node_modules`. */
export interface ModuleFile {
  /** Such as `koffi/package.json`. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** Code, and libraries for glibc: the bundle brings its own loader, which is one. */
const WANTED = /\.(?:c?js|json|node)$/;
const UNWANTED = /(?:^|\/)(?:doc|vendor|lib|musl_\w+|worker|shared|cnoke\.cjs|win\w+\.js|conpty\w+\.js)(?:\/|$)/;

/** The files of the packages with native parts that the guest needs, for this machine's architecture. */
export async function nativeModules(): Promise<ModuleFile[]> {
  const here = createRequire(import.meta.url);
  const koffi = here.resolve('koffi');
  const pty = here.resolve('@lydell/node-pty');
  return [
    ...(await filesOf('koffi', dirname(koffi))),
    ...(await filesOf(...platformPackage(`@koromix/koffi-linux-${arch}`, koffi))),
    ...(await filesOf('@lydell/node-pty', dirname(pty))),
    ...(await filesOf(...platformPackage(`@lydell/node-pty-linux-${arch}`, pty))),
  ];
}

/** A package that another one depends on: npm may have put it below that one. */
function platformPackage(name: string, dependent: string): [name: string, directory: string] {
  return [name, dirname(createRequire(dependent).resolve(`${name}/package.json`))];
}

async function filesOf(name: string, directory: string): Promise<ModuleFile[]> {
  const names = await readdir(directory, { recursive: true });
  const wanted = names.filter((file) => WANTED.test(file) && !UNWANTED.test(file)).sort();
  return wanted.map((file) => ({ name: `${name}/${file}`, path: join(directory, file) }));
}
