import { afterEach } from 'vitest';
import { SQLiteMemorySystem, type SQLiteMemorySystemOptions } from '../../src/doors/claude-flow/index.ts';

const systems: SQLiteMemorySystem[] = [];
afterEach(async () => {
  for (const system of systems.splice(0)) await system.gracefulShutdown();
});

/** A system of seed 001, shut down after the test. */
export function madeSystem(options: SQLiteMemorySystemOptions = {}): SQLiteMemorySystem {
  const system = new SQLiteMemorySystem(options);
  systems.push(system);
  return system;
}

/** The same, begun and without Redis. */
export function systemAlone(options: SQLiteMemorySystemOptions = {}): Promise<SQLiteMemorySystem> {
  return madeSystem({ enableRedisCoordination: false, ...options }).initialize();
}
