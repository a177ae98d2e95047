import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { tarOf } from '../../src/driver/docker/tar.ts';
import { TEST_LABEL } from './engine.ts';

const APPLETS =
  'sh cat echo env id ls mkdir rm sleep tee true false touch wget ping nc kill ps head yes stat pwd grep hostname dd wc tail ip';
const BUSYBOX_PATHS = ['/usr/bin/busybox', '/bin/busybox']; // Debian: busybox-static

/** Tiny images for tests, made on the spot: no registry can be counted on. */
export class TestImages {
  readonly #docker: Docker;
  readonly #label: string;
  readonly #base: string;

  private constructor(docker: Docker, label: string, base: string) {
    this.#docker = docker;
    this.#label = label;
    this.#base = base;
  }

  /**
   * @param label value of the test label on every image, by which `removeLabelled` finds them; a name for the suite.
   */
  static async create(docker: Docker, label: string): Promise<TestImages> {
    const folder = await mkdtemp(join(tmpdir(), 'sandglass-images-'));
    try {
      const base = await importFolder(docker, label, 'busybox', await busyboxRoot(folder));
      return new TestImages(docker, label, base);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** An image with a shell, an unprivileged user `app` and a `PATH`. */
  get busybox(): string {
    return this.#base;
  }

  /** An image that holds one text file and nothing else: no shell, no libraries. */
  async scratch(): Promise<string> {
    return importFolder(this.#docker, this.#label, 'scratch', tarOf({ 'hello.txt': 'hello\n' }));
  }

  /** An image with one static program, `/bin/busybox`, and a user; no shell. */
  async oneProgram(): Promise<string> {
    return this.#fromFolder('one-program', async (root) => {
      for (const path of ['bin', 'etc']) await mkdir(join(root, path));
      await copyFile(await firstReadable(BUSYBOX_PATHS), join(root, 'bin/busybox'));
      await writeFile(
        join(root, 'etc/passwd'),
        'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n',
      );
    });
  }

  /** An image whose programs are linked with a C library of its own: this machine's shell, `cat` and `id`, and what they need. */
  async withLibraries(): Promise<string> {
    return this.#fromFolder('libraries', async (root) => {
      const programs = ['/bin/sh', '/bin/cat', '/usr/bin/id'];
      const lists = await Promise.all(programs.map((path) => promisify(execFile)('ldd', [path])));
      const libraries = lists.flatMap(({ stdout }) => [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path));
      for (const path of new Set([...programs, ...libraries])) {
        await mkdir(join(root, dirname(path)), { recursive: true });
        await copyFile(path, join(root, path));
      }
    });
  }

  /** The busybox image with another configuration (OCI image configuration, `config`). @returns its reference. */
  async configured(name: string, config: object): Promise<string> {
    const base = await this.#docker.getImage(this.#base).inspect();
    const layers = base.RootFS.Layers ?? [];
    const text = JSON.stringify({
      architecture: base.Architecture,
      os: base.Os,
      config: { ...config, Labels: { [TEST_LABEL]: this.#label } },
      rootfs: { type: 'layers', diff_ids: layers },
      history: layers.map(() => ({ created_by: 'test' })),
    });
    const digest = createHash('sha256').update(text).digest('hex');
    const reference = this.#reference(name);
    const manifest = [{ Config: `${digest}.json`, RepoTags: [reference], Layers: layers.map((_, index) => `${index}/layer.tar`) }];
    const archive = tarOf({ 'manifest.json': JSON.stringify(manifest), [`${digest}.json`]: text });
    await readToEnd(await this.#docker.loadImage(Readable.from([archive])));
    return reference;
  }

  async #fromFolder(name: string, fill: (root: string) => Promise<void>): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'sandglass-images-'));
    try {
      await mkdir(join(folder, 'root'));
      await fill(join(folder, 'root'));
      return await importFolder(this.#docker, this.#label, name, await archiveOf(folder));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #reference(name: string): string {
    return `sandglass-test/${this.#label}-${name}:1`;
  }
}

async function importFolder(docker: Docker, label: string, name: string, archive: Buffer): Promise<string> {
  const reference = `sandglass-test/${label}-${name}`;
  const options = { repo: reference, tag: '1', changes: [`LABEL ${TEST_LABEL}=${label}`, 'ENV PATH=/bin'] };
  await readToEnd(await docker.importImage(Readable.from([archive]) as NodeJS.ReadableStream, options));
  return `${reference}:1`;
}

async function busyboxRoot(folder: string): Promise<Buffer> {
  const root = join(folder, 'root');
  for (const path of ['bin', 'etc', 'tmp', 'home/app']) await mkdir(join(root, path), { recursive: true });
  await copyFile(await firstReadable(BUSYBOX_PATHS), join(root, 'bin/busybox'));
  for (const applet of APPLETS.split(' ')) await symlink('busybox', join(root, 'bin', applet));
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\napp:x:1000:\nstaff:x:50:app\n');
  return archiveOf(folder);
}

/** What is in `root` of the folder, as root's. */
async function archiveOf(folder: string): Promise<Buffer> {
  const archive = join(folder, 'root.tar');
  await promisify(execFile)('tar', ['-C', join(folder, 'root'), '--owner=0', '--group=0', '-cf', archive, '.']);
  return readFile(archive);
}

async function firstReadable(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    if (await readFile(path).then(Boolean, () => false)) return path;
  }
  throw new Error(`no busybox at ${paths.join(' or ')}: install busybox-static`);
}

async function readToEnd(stream: NodeJS.ReadableStream): Promise<void> {
  for await (const text of stream) {
    if (String(text).includes('"error"')) throw new Error(String(text));
  }
}
