import type { Progress } from '../../model/operation.ts';

interface Layer {
  bytesDone: number;
  bytesTotal: number | undefined;
  done: boolean;
}

/** Most layers that are told apart; the engine allows 127. */
const MAX_LAYERS = 1000;

/** Adds up the engine's per-layer messages of a pull (Engine API, `POST /images/create`). */
export class PullProgress {
  readonly #layers = new Map<string, Layer>();

  /** Takes in a message. @returns whether it changed the sum. */
  update(message: Readonly<Record<string, unknown>>): boolean {
    const { status, id, progressDetail } = message;
    if (typeof id !== 'string' || typeof status !== 'string') return false;
    const layer = this.#layers.get(id) ?? this.#newLayer(id, status);
    if (layer === undefined) return false;
    switch (status) {
      case 'Downloading': {
        const { current, total } = (progressDetail ?? {}) as { current?: unknown; total?: unknown };
        layer.bytesDone = isSize(current) ? current : layer.bytesDone;
        layer.bytesTotal = isSize(total) ? total : layer.bytesTotal;
        return true;
      }
      case 'Download complete':
        layer.bytesDone = layer.bytesTotal ?? layer.bytesDone;
        return true;
      case 'Pull complete':
      case 'Already exists':
        layer.done = true;
        return true;
      default:
        return status === 'Pulling fs layer';
    }
  }

  /** The total is known once every layer's is. */
  get progress(): Progress {
    const layers = [...this.#layers.values()];
    const sum = (of: (layer: Layer) => number) => layers.reduce((total, layer) => total + of(layer), 0);
    const bytesTotal = sum((layer) => layer.bytesTotal ?? 0);
    const totalKnown = layers.length > 0 && layers.every((layer) => layer.bytesTotal !== undefined || layer.done);
    return {
      phase: 'pulling',
      bytesDone: sum((layer) => layer.bytesDone),
      ...(totalKnown && { bytesTotal }),
      layersDone: layers.filter((layer) => layer.done).length,
      layersTotal: layers.length,
    };
  }

  /** Messages with other statuses carry a tag as their id, not a layer. */
  #newLayer(id: string, status: string): Layer | undefined {
    if (status !== 'Pulling fs layer' && status !== 'Already exists') return undefined;
    if (this.#layers.size >= MAX_LAYERS) return undefined;
    const layer: Layer = { bytesDone: 0, bytesTotal: undefined, done: false };
    this.#layers.set(id, layer);
    return layer;
  }
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
