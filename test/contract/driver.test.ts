import { beforeEach, describe } from 'vitest';
import { FakeDriver } from '../../src/driver/fake-driver.ts';
import { describeDriver } from './driver-contract.ts';

describe('FakeDriver', () => {
  let driver: FakeDriver;
  beforeEach(() => {
    driver = new FakeDriver();
  });
  describeDriver(() => ({ driver, image: 'fake/base:1' }));
});
