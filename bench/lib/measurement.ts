import { ratios, type Summary, summarize } from './statistics.ts';

export type Unit = 'ms' | 'MB' | '1/s';

/** One line of the report: what Sandglass takes, beside what it is compared with. */
export interface Measurement {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: Summary;
  readonly baseline?: { readonly name: string; readonly summary: Summary };
  /** Ours by the baseline's, round by round. */
  readonly ratio?: Summary;
  readonly bounds: readonly BoundResult[];
}

/** What a figure has to stay below. `median` and the others are in the unit of the measurement. */
export interface Bound {
  readonly of: 'ratio' | 'median' | 'p90' | 'p99' | 'max';
  readonly limit: number;
}

export interface BoundResult extends Bound {
  readonly actual: number;
  readonly met: boolean;
}

/** A measurement from the values of each round. With a baseline, the two lists belong together place by place. */
export function measurement(options: {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: readonly number[];
  readonly baseline?: { readonly name: string; readonly values: readonly number[] };
  readonly bounds?: readonly Bound[];
}): Measurement {
  const { name, unit, baseline, bounds = [] } = options;
  const ours = summarize(options.ours);
  const compared = baseline && {
    baseline: { name: baseline.name, summary: summarize(baseline.values) },
    ratio: summarize(ratios(options.ours, baseline.values)),
  };
  const results = bounds.map((bound) => {
    const actual = bound.of === 'ratio' ? (compared?.ratio.median ?? Number.NaN) : ours[bound.of];
    return { ...bound, actual, met: actual <= bound.limit };
  });
  return { name, unit, ours, ...compared, bounds: results };
}
