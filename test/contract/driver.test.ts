import { beforeEach, describe } from 'vitest';
import { FakeDriver } from '../../src/driver/fake-driver.ts';
import { fakeGuests } from '../support/fake-guest.ts';
import { describeDriver } from './driver-contract.ts';

describe('FakeDriver', () => {
  let driver: FakeDriver;
  beforeEach(() => {
    driver = new FakeDriver({ guest: fakeGuests() });
  });
  describeDriver(() => ({ driver, image: 'fake/base:1' }));
});
