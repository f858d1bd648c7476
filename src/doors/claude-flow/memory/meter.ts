import type { AccessCache } from '../access-cache.ts';

export interface SwarmMemoryMetrics {
  readonly operations: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Values stored encrypted or compressed since the manager opened the store, by whoever shares it. */
  readonly encryptionOperations: number;
  readonly compressionOperations: number;
  /** Milliseconds from call to answer. */
  readonly averageAccessTime: number;
  readonly totalAccessTime: number;
  readonly cacheHitRate: number;
  readonly aclCacheSize: number;
}

interface Stored {
  readonly encrypted: number;
  readonly compressed: number;
}

/** Counts and times what a manager does. */
export class MemoryMeter {
  #operations = 0;
  #totalMs = 0;
  #stored: Stored = { encrypted: 0, compressed: 0 };
  #before: Stored = this.#stored;

  begin(stored: Stored): void {
    this.#stored = stored;
    this.#before = { ...stored };
  }

  async timed<T>(run: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await run();
    } finally {
      this.#operations++;
      this.#totalMs += performance.now() - started;
    }
  }

  metrics(access: AccessCache | undefined): SwarmMemoryMetrics {
    return {
      operations: this.#operations,
      cacheHits: access?.hits ?? 0,
      cacheMisses: access?.misses ?? 0,
      encryptionOperations: this.#stored.encrypted - this.#before.encrypted,
      compressionOperations: this.#stored.compressed - this.#before.compressed,
      averageAccessTime: this.#operations === 0 ? 0 : this.#totalMs / this.#operations,
      totalAccessTime: this.#totalMs,
      cacheHitRate: access?.hitRate ?? 0,
      aclCacheSize: access?.size ?? 0,
    };
  }
}
