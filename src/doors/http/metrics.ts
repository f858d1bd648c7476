import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Observation, Store } from '../../kernel/store.ts';
import { watchLive } from './live-metrics.ts';

/** Prometheus text of what this process did. Labels come from the operation table only, so their number is bounded. */
export class Metrics {
  readonly registry = new Registry();
  readonly #duration: Histogram<'operation' | 'outcome'>;
  readonly #requests: Counter<'method' | 'status'>;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.#duration = new Histogram({
      name: 'rookery_operation_duration_seconds',
      help: 'Duration of operations, from call to durable answer',
      labelNames: ['operation', 'outcome'],
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers: [this.registry],
    });
    this.#requests = new Counter({
      name: 'rookery_http_requests_total',
      help: 'HTTP requests answered',
      labelNames: ['method', 'status'],
      registers: [this.registry],
    });
  }

  observe = ({ operation, outcome, durationMs }: Observation): void => {
    this.#duration.observe({ operation, outcome }, durationMs / 1000);
  };

  answered(method: string, status: number): void {
    this.#requests.inc({ method, status: String(status) });
  }

  /** Gauges that are read from the store when somebody asks. */
  watch(store: Store): void {
    watchLive(this.registry, store);
    new Gauge({
      name: 'rookery_store_size_bytes',
      help: 'Size of the store on disk, log included',
      registers: [this.registry],
      async collect() {
        this.set((await store.engine.describe()).sizeBytes);
      },
    });
  }
}
