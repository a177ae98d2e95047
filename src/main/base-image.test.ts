import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ensureBaseImage, type ImageWay } from './base-image.ts';
import { importBuilt } from './base-image-ways.ts';
import type { ImageEngine } from './image-engine.ts';

const IMAGE = 'sandglass/base:1';
const never = new AbortController().signal;

/** An engine that holds images by name. */
function engineWith(...images: string[]): ImageEngine & { readonly images: Set<string> } {
  const held = new Set(images);
  return {
    images: held,
    has: async (image) => held.has(image),
    pull: async (image) => void held.add(image),
    importTar: async () => 'sha256:1',
    tag: async (image, name) => {
      if (!held.has(image)) throw new Error(`no such image: ${image}`);
      held.add(name);
    },
    remove: async (image) => void held.delete(image),
  };
}

function way(title: string, make: ImageWay['make']): ImageWay {
  return { title, make };
}

const failing = (why: string) => async () => {
  throw new Error(why);
};

describe('ensureBaseImage', () => {
  it('leaves an image that is there alone', async () => {
    const engine = engineWith(IMAGE);
    const asked = way('pull', failing('it was asked'));
    expect(await ensureBaseImage(IMAGE, engine, [asked], () => {}, never)).toBe('present');
  });

  it('takes the first way that works, and gives its image the name', async () => {
    const engine = engineWith();
    const lines: string[] = [];
    const build = way('build', async (report) => {
      report('installing');
      engine.images.add('sha256:2');
      return 'sha256:2';
    });
    const ways = [way('pull', failing('no such host')), build, way('third', failing('it was asked'))];
    expect(await ensureBaseImage(IMAGE, engine, ways, (line) => lines.push(line), never)).toBe('build');
    expect([...engine.images]).toEqual(['sha256:2', IMAGE]);
    expect(lines).toEqual(['pull', 'pull failed: no such host', 'build', 'installing']);
  });

  it('says why every way failed, and what to do', async () => {
    const ways = [way('pull', failing('no such host')), way('build', failing('only root can'))];
    const made = ensureBaseImage(IMAGE, engineWith(), ways, () => {}, never);
    await expect(made).rejects.toMatchObject({
      reason: 'image_not_found',
      message: expect.stringMatching(/pull: no such host; build: only root can.*Set server\.default_image/),
    });
  });

  it('tries nothing more once it is interrupted', async () => {
    const abort = new AbortController();
    const first = way('pull', async () => {
      abort.abort(new Error('stop'));
      throw new Error('broken off');
    });
    const second = way('build', failing('it was asked'));
    await expect(ensureBaseImage(IMAGE, engineWith(), [first, second], () => {}, abort.signal)).rejects.toThrow('stop');
  });
});

describe('an imported archive', () => {
  it('is removed when its builder fails after the engine has taken it', async () => {
    const engine = engineWith('sha256:1');
    const archive = { tar: Readable.from([]), done: Promise.reject(new Error('mmdebstrap ended with status 1')) };
    await expect(importBuilt(engine, archive, never)).rejects.toThrow('mmdebstrap ended');
    expect([...engine.images]).toEqual([]);
  });
});
