// Bundles the guest for the published package: node scripts/build-guest.mjs
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundleGuest, GUEST_FILES } from '../src/driver/docker/guest-program.ts';

const root = dirname(import.meta.dirname);
await mkdir(join(root, 'dist/guest'), { recursive: true });
const { loader, program } = await bundleGuest(join(root, 'src/guest'));
await writeFile(join(root, 'dist/guest', GUEST_FILES.loader), loader);
await writeFile(join(root, 'dist/guest', GUEST_FILES.program), program);
