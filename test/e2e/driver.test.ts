import { afterAll, beforeAll, describe } from 'vitest';
import { describeDriver } from '../contract/driver-contract.ts';
import { DockerWorld } from '../support/docker-world.ts';

describe('DockerDriver', () => {
  let world: DockerWorld;
  beforeAll(async () => {
    world = await DockerWorld.create('contract');
  });
  afterAll(() => world.close());
  describeDriver(() => ({ driver: world.driver, image: world.images.busybox }));
});
