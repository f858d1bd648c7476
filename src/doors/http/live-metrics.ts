import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Store } from '../../kernel/store.ts';

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** How the live copy stands, and what dual writes cost. The names that begin with `sqlite` are those of seed 000. */
export function watchLive(registry: Registry, store: Store): void {
  const { live } = store;
  if (live) watchRelays(registry, live);
  if (store.dualWrite) watchDualWrites(registry, store.dualWrite);
}

function watchRelays(registry: Registry, live: NonNullable<Store['live']>): void {
  const registers = [registry];
  new Gauge({
    name: 'rookery_live_connected',
    help: '1 while Redis can be reached',
    registers,
    collect() {
      this.set(live.state === 'connected' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'rookery_live_lag_entries',
    help: 'Ledger entries that Redis does not have yet, over all projects',
    registers,
    collect() {
      this.set(live.projects.reduce((sum, project) => sum + live.status(project).lag, 0));
    },
  });
}

function watchDualWrites(registry: Registry, dualWrite: NonNullable<Store['dualWrite']>): void {
  const registers = [registry];
  const histogram = (name: string, help: string) => new Histogram({ name, help, buckets, registers });
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const whole = histogram('rookery_dual_write_latency_seconds', 'From the call until Redis has it');
  const redis = histogram('redis_write_latency_seconds', 'From the durable commit until Redis has it');
  const stored = histogram('sqlite_write_latency_seconds', 'From the call until it is durable');
  const missed = counter(
    'rookery_dual_write_failures_total',
    'Writes that the store or Redis did not have in time',
  );
  const failed = counter('sqlite_write_failures_total', 'Writes that failed in the store');
  dualWrite.onWrite(({ storeMs, redisMs, wholeMs }) => {
    whole.observe(wholeMs / 1000);
    if (storeMs === undefined) failed.inc();
    else stored.observe(storeMs / 1000);
    if (redisMs === undefined) missed.inc();
    else redis.observe(redisMs / 1000);
  });
}
