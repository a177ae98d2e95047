import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { DockerDriver, type DockerDriverOptions } from '../../src/driver/docker/docker-driver.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { type ExecutorId, idFromHex } from '../../src/model/ids.ts';
import { connectEngine, removeLabelled, TEST_LABEL } from './engine.ts';
import { TestImages } from './images.ts';

/** A Docker driver on the machine's engine, with networks, images and a data folder of its own, and a way to take all away again. */
export class DockerWorld {
  readonly docker: Docker;
  readonly images: TestImages;
  readonly driver: DockerDriver;
  readonly label: string;
  readonly networkName: string;
  readonly #options: DockerDriverOptions;
  readonly #drivers: DockerDriver[] = [];

  private constructor(docker: Docker, images: TestImages, options: DockerDriverOptions, label: string) {
    this.docker = docker;
    this.images = images;
    this.label = label;
    this.networkName = options.networkName ?? '';
    this.#options = options;
    this.driver = this.newDriver();
  }

  /** @param suite a short name, for the label by which all of it is found. */
  static async create(suite: string): Promise<DockerWorld> {
    const label = `${suite}-${randomBytes(4).toString('hex')}`;
    const docker = await connectEngine();
    return new DockerWorld(
      docker,
      await TestImages.create(docker, label),
      {
        executorId: idFromHex('executor', randomBytes(16).toString('hex')),
        dataDir: await mkdtemp(join(tmpdir(), 'sandglass-driver-')),
        env: process.env,
        networkName: `sandglass-${label}`,
        extraLabels: { [TEST_LABEL]: label },
        stopGraceSecs: 1,
        thawPatienceMs: 0,
        log: silentLogger,
      },
      label,
    );
  }

  get executorId(): ExecutorId {
    return this.#options.executorId;
  }

  get dataDir(): string {
    return this.#options.dataDir;
  }

  /**
   * Another driver for the same executor, as after a restart; with other options if some are given. Guests come to it once the
   * one that they know has been closed, as it would be in a process that has ended.
   */
  newDriver(options: Partial<DockerDriverOptions> = {}): DockerDriver {
    const driver = new DockerDriver({ ...this.#options, ...options });
    this.#drivers.push(driver);
    return driver;
  }

  async close(): Promise<void> {
    await Promise.all(this.#drivers.map((driver) => driver.close()));
    await removeLabelled(this.docker, this.label);
    await rm(this.#options.dataDir, { recursive: true, force: true });
  }
}
