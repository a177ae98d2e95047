// Bundles the guest into one file, for the published package: node scripts/build-guest.mjs
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundleGuest } from '../src/driver/docker/guest-program.ts';

const root = dirname(import.meta.dirname);
await mkdir(join(root, 'dist/guest'), { recursive: true });
await writeFile(join(root, 'dist/guest/main.mjs'), await bundleGuest(join(root, 'src/guest/main.ts')));
