import type { Readable } from 'node:stream';
import { outputOf, startProgram } from './child-program.ts';

/** The files of a small Debian, as a tar archive in the making. */
export interface DebianArchive {
  readonly tar: Readable;
  /** Resolves when the archive is whole. */
  readonly done: Promise<void>;
}

/** What an image can do without, and dpkg need not write safely: a build that fails is thrown away. */
const DPKG_OPTIONS = [
  'force-unsafe-io',
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
];

/**
 * Builds a minimal Debian with apt from the mirrors of this machine. mmdebstrap is installed first where it is missing.
 * @throws Error when that can't be done here, saying why; `done` rejects when it fails later.
 */
export async function buildDebian(
  release: string,
  packages: readonly string[],
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<DebianArchive> {
  await ensureMmdebstrap(report, signal);
  const args = [
    '--variant=minbase',
    '--format=tar',
    `--include=${packages.join(',')}`,
    '--aptopt=Acquire::Languages "none"',
    ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
    release,
    '-',
    ...(await mirrorsOf(release, signal)),
  ];
  // Its messages look like `I: installing essential packages...`
  const { stdout: tar, done } = startProgram('mmdebstrap', args, signal, (line) => report(line.replace(/^[IW]: /, '')));
  return { tar, done };
}

async function ensureMmdebstrap(report: (line: string) => void, signal: AbortSignal): Promise<void> {
  if (await works('mmdebstrap', signal)) return;
  if (process.getuid?.() !== 0 || !(await works('apt-get', signal))) {
    throw new Error('mmdebstrap is not installed, and only root can install it, with apt-get');
  }
  report('installing mmdebstrap');
  const install = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', 'mmdebstrap'];
  try {
    await outputOf('apt-get', install, signal);
  } catch {
    signal.throwIfAborted();
    await outputOf('apt-get', ['update'], signal);
    await outputOf('apt-get', install, signal);
  }
}

/**
 * The sources of that release that this machine uses, as lines of sources.list; none when it uses none, and mmdebstrap then
 * takes Debian's own. Addresses that carry a password stay out of the image.
 */
async function mirrorsOf(release: string, signal: AbortSignal): Promise<string[]> {
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)';
  const listed = await outputOf('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], signal).catch(() => '');
  signal.throwIfAborted();
  return parseMirrors(listed, release);
}

/** `listed` has a line `URI|RELEASE|COMPONENT|ORIGIN` for each index. */
export function parseMirrors(listed: string, release: string): string[] {
  const lines = listed
    .trim()
    .split('\n')
    .map((line) => line.split('|'));
  const wanted = lines.filter(
    ([uri = '', suite = '', component, origin]) =>
      origin === 'Debian' &&
      component === 'main' &&
      new RegExp(`^${release}(-(updates|security))?(/updates)?$`).test(suite) &&
      !uri.includes('@'),
  );
  if (!wanted.some(([, suite]) => suite === release)) return [];
  return [...new Set(wanted.map(([uri, suite, component]) => `deb ${uri} ${suite} ${component}`))];
}

async function works(program: string, signal: AbortSignal): Promise<boolean> {
  try {
    await outputOf(program, ['--version'], signal);
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
