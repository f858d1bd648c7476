import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { memoryPath } from '../../../folder.ts';
import { MemoryStoreAdapter } from '../memory/adapter.ts';
import { SwarmMemoryManager } from '../memory/manager.ts';
import { AgentRegistry } from '../registry/registry.ts';

/**
 * A database of its own with what works on it: beside the real one, so that the same disk answers, or in memory where
 * that is.
 */
export class Scratch {
  readonly manager: SwarmMemoryManager;
  readonly adapter: MemoryStoreAdapter;
  readonly registry: AgentRegistry;
  readonly encryptionKey: Uint8Array = randomBytes(32);
  readonly #prefix: string;
  readonly #files: string[] = [];

  constructor(dbPath: string) {
    const place = dbPath === memoryPath ? join(tmpdir(), 'rookery') : join(dirname(dbPath), basename(dbPath));
    this.#prefix = `${place}.benchmark-${randomBytes(6).toString('hex')}`;
    const path = dbPath === memoryPath ? memoryPath : this.file('db');
    this.manager = new SwarmMemoryManager({ dbPath: path, encryptionKey: this.encryptionKey });
    this.adapter = new MemoryStoreAdapter({ memoryManager: this.manager, namespace: 'benchmark' });
    this.registry = new AgentRegistry({ memoryManager: this.manager });
  }

  /** A file that is removed in the end. */
  file(name: string): string {
    const file = `${this.#prefix}-${name}.db`;
    this.#files.push(file);
    return file;
  }

  async remove(): Promise<void> {
    await this.adapter.close();
    await this.manager.close();
    for (const file of this.#files)
      for (const ending of ['', '-wal', '-shm', '.signing.key', '.partial'])
        rmSync(file + ending, { force: true });
  }
}
