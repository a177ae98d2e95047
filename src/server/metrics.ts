import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ControlMetrics } from '../control/context.ts';

/** The server's metrics, as Prometheus reads them. Names begin with `sandglass_`, durations are in seconds. */
export class Metrics implements ControlMetrics {
  readonly #registry = new Registry();

  readonly #staleReports = new Counter({
    name: 'sandglass_stale_reports_total',
    help: 'Reports of executors that belong to another attempt than the one waited for, by kind.',
    labelNames: ['kind'],
    registers: [this.#registry],
  });

  readonly #operations = new Histogram({
    name: 'sandglass_operation_duration_seconds',
    help: 'Time from issuing an attempt at an operation to its end, by kind and outcome.',
    labelNames: ['kind', 'outcome'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.#registry],
  });

  readonly #queueDepth = new Gauge({
    name: 'sandglass_queue_depth',
    help: 'Keys in, or waiting for, a work queue.',
    labelNames: ['queue'],
    registers: [this.#registry],
  });

  readonly #requests = new Histogram({
    name: 'sandglass_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer, by route. Waits and event streams count in full.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600],
    registers: [this.#registry],
  });

  constructor(options: { version: string }) {
    const build = new Gauge({
      name: 'sandglass_build_info',
      help: 'Always 1; the version is in the label.',
      labelNames: ['version'],
      registers: [this.#registry],
    });
    build.set({ version: options.version }, 1);
    collectDefaultMetrics({ register: this.#registry });
  }

  staleReport(kind: string): void {
    this.#staleReports.inc({ kind });
  }

  operationFinished(kind: string, outcome: 'succeeded' | 'failed', durationMs: number): void {
    this.#operations.observe({ kind, outcome }, durationMs / 1000);
  }

  queueDepth(queue: string, depth: number): void {
    this.#queueDepth.set({ queue }, depth);
  }

  /** `route` is the template, such as `/v1/namespaces/:namespace/snapshots`, so that the number of series is bounded. */
  requestFinished(method: string, route: string, status: number, durationMs: number): void {
    this.#requests.observe({ method, route, status: String(status) }, durationMs / 1000);
  }

  /** Everything in the text format of Prometheus, and its content type. */
  async render(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }
}
