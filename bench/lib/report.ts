import type { BoundResult, Measurement, Unit } from './measurement.ts';
import type { Summary } from './statistics.ts';

/** A table in Markdown, aligned for people. Ends without a line break. */
export function reportTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((measured) => [
    measured.name,
    median(measured.ours, measured.unit),
    range(measured.ours, measured.unit),
    format(measured.ours.p99, measured.unit),
    measured.baseline === undefined ? '' : `${measured.baseline.name}: ${median(measured.baseline.summary, measured.unit)}`,
    measured.ratio === undefined ? '' : `${measured.ratio.median.toFixed(2)}× (${times(measured.ratio)})`,
    String(measured.ours.count),
    measured.bounds.map(describeBound).join(', '),
  ]);
  return table(['', 'median', 'p10–p90', 'p99', 'baseline', 'ratio (p10–p90)', 'rounds', 'bound'], rows);
}

/** Such as `ratio ≤ 1.15: met`. */
export function describeBound({ of, limit, actual, met }: BoundResult): string {
  return `${of} ≤ ${limit}: ${met ? 'met' : `MISSED with ${actual.toPrecision(3)}`}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function median({ median: value }: Summary, unit: Unit): string {
  return format(value, unit);
}

function range({ p10, p90 }: Summary, unit: Unit): string {
  return `${number(p10)}–${format(p90, unit)}`;
}

function times({ p10, p90 }: Summary): string {
  return `${p10.toFixed(2)}–${p90.toFixed(2)}`;
}

function format(value: number, unit: Unit): string {
  return unit === '1/s' ? `${number(value)}/s` : `${number(value)} ${unit}`;
}

/** Three significant digits, and no fewer than there are before the point. */
function number(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
