import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** A real Redis server of our own, on loopback and a port that was free; it keeps its port over restarts. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #settings: readonly string[];
  readonly #clients = new Set<Redis>();
  #process: ChildProcess | undefined;

  private constructor(port: number, settings: readonly string[]) {
    this.port = port;
    this.#settings = settings;
    this.#folder = mkdtempSync(join(tmpdir(), 'rookery-redis-'));
  }

  static async start(...settings: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), settings);
    await server.restart();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  /** A client of the tests' own, closed with the server. */
  client(options: { readonly password?: string; readonly db?: number } = {}): Redis {
    const client = new Redis({
      port: this.port,
      host: '127.0.0.1',
      maxRetriesPerRequest: null,
      retryStrategy: () => 20,
      ...options,
    });
    client.on('error', () => {}); // it may be away: the client tries again
    this.#clients.add(client);
    return client;
  }

  /** Ends the process where it stands; nothing is saved. */
  async kill(): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    // A test may have ended it by its id.
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, 'exit');
    ending.kill('SIGKILL');
    await gone;
  }

  /** Starts it anew, empty, on the same port; resolves once it answers. */
  async restart(): Promise<void> {
    await this.kill();
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder, '--save', ''];
    this.#process = spawn('redis-server', [...own, ...this.#settings], { stdio: 'ignore' });
    await once(this.#process, 'spawn');
    const probe = new Redis({
      port: this.port,
      host: '127.0.0.1',
      maxRetriesPerRequest: null,
      retryStrategy: () => 10,
      enableReadyCheck: false,
    });
    probe.on('error', () => {}); // it is not up yet: the client tries again
    // A server with a password refuses this, and is up all the same.
    await probe.ping().catch(() => {});
    probe.disconnect();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export const hasRedis: boolean = spawnSync('redis-server', ['--version']).status === 0;

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
