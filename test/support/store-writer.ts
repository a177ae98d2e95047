/**
 * A process that commits to a store as fast as it can, to be killed: `node store-writer.ts FOLDER WRITERS [VALUE_BYTES]`.
 *
 * Each writer `w` commits its rounds `n` = 0, 1, … one after another: the keys `part/w/n/a` and `part/w/n/b`, the deletion of
 * those of round n − 2, and its counter `count/w` by compare-and-set. Once a commit is acknowledged it prints `ack w n`; when one
 * fails, `failed w n REASON`, and that writer stops.
 */
import { writeSync } from 'node:fs';
import { SandglassError } from '../../src/model/errors.ts';
import { RocksdbStore } from '../../src/store/rocksdb-store.ts';

const [path = '', writers = '1', valueBytes = '100'] = process.argv.slice(2);
const store = await RocksdbStore.open({ path });
const padding = 'x'.repeat(Number(valueBytes));
/** At once, past every buffer of this process: what is printed was acknowledged, what is not printed may have been. */
const print = (line: string) => writeSync(1, `${line}\n`);

print(`opened ${store.revision()}`);
await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)));
await store.close();
print('closed');

async function write(writer: number): Promise<void> {
  const counter = `count/${writer}`;
  const entry = await store.get(counter);
  let revision = entry?.revision;
  for (let n = entry === undefined ? 0 : Number(Buffer.from(entry.value).toString()) + 1; ; n++) {
    const value = Buffer.from(`${n} ${padding}`);
    try {
      revision = await store.commit({
        checks: [{ key: counter, revision }],
        puts: [...partsOf(writer, n).map((key) => ({ key, value })), { key: counter, value: Buffer.from(`${n}`) }],
        deletes: n < 2 ? [] : partsOf(writer, n - 2),
      });
    } catch (error) {
      print(`failed ${writer} ${n} ${SandglassError.from(error).reason}`);
      return;
    }
    print(`ack ${writer} ${n}`);
  }
}

function partsOf(writer: number, n: number): string[] {
  return [`part/${writer}/${n}/a`, `part/${writer}/${n}/b`];
}
