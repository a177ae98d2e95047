import { expect, it } from 'vitest';
import { parseMirrors } from './debian-archive.ts';

it("takes the machine's own mirrors of the release, and no other sources", () => {
  const listed = [
    'http://mirror.example/debian/|bookworm|main|Debian',
    'http://mirror.example/debian/|bookworm|non-free|Debian',
    'http://mirror.example/debian/|bookworm-updates|main|Debian',
    'http://mirror.example/debian/|bookworm-backports|main|Debian',
    'http://mirror.example/debian-security/|bookworm-security|main|Debian',
    'http://mirror.example/debian/|trixie|main|Debian',
    'https://packages.example/apt/|bookworm|main|Vendor',
  ].join('\n');
  expect(parseMirrors(listed, 'bookworm')).toEqual([
    'deb http://mirror.example/debian/ bookworm main',
    'deb http://mirror.example/debian/ bookworm-updates main',
    'deb http://mirror.example/debian-security/ bookworm-security main',
  ]);
});

it("takes Debian's own where the machine has none of that release, or one with a password", () => {
  expect(parseMirrors('', 'bookworm')).toEqual([]);
  expect(parseMirrors('http://mirror.example/debian/|trixie|main|Debian', 'bookworm')).toEqual([]);
  expect(parseMirrors('http://ann:sesame@mirror.example/debian/|bookworm|main|Debian', 'bookworm')).toEqual([]);
});
