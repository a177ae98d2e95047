/** What a sandbox has written since it started, when it is captured. */
export interface Change {
  readonly title: string;
  /** A line for the shell that writes it, below `/bench`. */
  readonly script: string;
  /** Pairs of measurements. */
  readonly rounds: { readonly full: number; readonly quick: number };
}

/** The contents are random: nothing on the way can make them smaller. */
export const CHANGES: readonly Change[] = [
  {
    title: '1 MB in one file',
    script: 'mkdir /bench && dd if=/dev/urandom of=/bench/data bs=1M count=1 status=none',
    rounds: { full: 80, quick: 8 },
  },
  {
    title: '100 MB in one file',
    script: 'mkdir /bench && dd if=/dev/urandom of=/bench/data bs=1M count=100 status=none',
    rounds: { full: 20, quick: 3 },
  },
  {
    title: '10,000 files of 4 kB',
    script: 'mkdir /bench && dd if=/dev/urandom bs=4k count=10000 iflag=fullblock status=none | split -b 4k -a 4 - /bench/',
    rounds: { full: 12, quick: 2 },
  },
];
