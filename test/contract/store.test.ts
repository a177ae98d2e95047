import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { MemoryStore } from '../../src/store/memory-store.ts';
import { RocksdbStore } from '../../src/store/rocksdb-store.ts';
import { storeContract } from './store-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'sandglass-store-'));
let opened = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

storeContract({ name: 'MemoryStore', open: async (options) => new MemoryStore(options) });
storeContract({ name: 'RocksdbStore', open: (options) => RocksdbStore.open({ ...options, path: join(folder, `${opened++}`) }) });
