import { type Clock, jitterMs } from '../clock.ts';
import type { Committed, GroupCommit } from '../commit.ts';
import type { Services } from '../context.ts';
import type { Engine } from '../engine.ts';
import type { Transaction } from '../transaction.ts';
import type { Work } from '../work.ts';
import type { Projection } from './projection.ts';
import type { RedisParameter, RedisPort, RedisState } from './redis.ts';
import type { Pointers, Settling } from './relay/outbox.ts';
import { Reader } from './relay/page.ts';
import { Relay } from './relay/relay.ts';
import { headsAfter } from './relay/statements.ts';
import type { LiveStatus } from './status.ts';

export interface LiveParts {
  readonly engine: Engine;
  readonly commits: GroupCommit;
  readonly services: Services;
  readonly clock: Clock;
  /** The store clock of a project. */
  readonly now: (project: string) => number;
  readonly pointers: Pointers;
  readonly projections: readonly Projection[];
  readonly port: RedisPort;
  readonly storeId: string;
  readonly draw: () => string;
  readonly feedLength?: number | undefined;
}

const feedLength = 10_000;
/** Who wrote relays at once; the others look a little later and mostly find it done. */
const foreignPauseMs = 20;
const tickMs = 1000;
const closingGraceMs = 1000;
const projectsPerPage = 1000;

/**
 * The live copy in Redis: a relay per project. A process relays what it commits at once, what others commit when it hears
 * of it or at the next tick, so that a process that only writes needs no Redis of its own.
 */
export class Live implements Settling {
  readonly #parts: LiveParts;
  readonly #projections: ReadonlyMap<string, readonly Projection[]>;
  readonly #relays = new Map<string, Relay>();
  readonly #stops: (() => void)[] = [];
  #look: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#projections = Map.groupBy(parts.projections, ({ kind }) => kind);
    parts.pointers.relayThrough(this);
    const tick = setInterval(() => this.#tick(), tickMs);
    tick.unref();
    this.#stops.push(
      () => clearInterval(tick),
      parts.port.onState((state) => this.#become(state)),
      parts.engine.watch(() => this.#lookSoon()),
    );
    this.#lookSoon(0);
  }

  get endpoint(): string {
    return this.#parts.port.endpoint;
  }

  get state(): RedisState {
    return this.#parts.port.state;
  }

  /** What went wrong last, until it is connected again; no credentials. */
  get lastError(): string | undefined {
    return this.#parts.port.lastError;
  }

  /** Hears of `state` now and of every change. */
  onState(listener: (state: RedisState) => void): void {
    this.#stops.push(this.#parts.port.onState(listener));
    listener(this.state);
  }

  get projects(): string[] {
    return [...this.#relays.keys()];
  }

  /** What this process has committed. Relayed in the next turn of the event loop, so that callers hear of it first. */
  committed(committed: readonly Committed[]): void {
    setImmediate(() => {
      for (const batch of committed) this.#relay(batch.project).committed(batch);
    });
  }

  /** Whether Redis has an entry within the time; false at once while Redis is away. */
  async passed(project: string, seq: number, timeoutMs: number): Promise<boolean> {
    return await this.#relay(project).passed(seq, timeoutMs);
  }

  /** A command of a door's own, for what the store need not know. UNAVAILABLE while Redis is away. */
  async command(name: string, ...parameters: RedisParameter[]): Promise<unknown> {
    return await this.#parts.port.command(name, ...parameters);
  }

  *settle(tx: Transaction): Work<void> {
    yield* this.#relay(tx.project).settle(tx);
  }

  status(project: string): LiveStatus {
    const { endpoint, state, lastError } = this.#parts.port;
    const status = this.#relay(project).status();
    return { endpoint, state, ...status, lastError: lastError ?? status.lastError };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#look);
    for (const stop of this.#stops) stop();
    // The connection does not hold the process; closing has to come to its end all the same.
    const held = setInterval(() => {}, tickMs);
    try {
      await Promise.all([...this.#relays.values()].map((relay) => relay.close(closingGraceMs)));
      await this.#settleIdle();
      await this.#parts.port.close();
    } finally {
      clearInterval(held);
    }
  }

  #relay(project: string): Relay {
    let relay = this.#relays.get(project);
    if (!relay) {
      const { engine, services, port, draw, storeId, projections, now, clock } = this.#parts;
      relay = new Relay({
        project,
        store: storeId,
        engine,
        port,
        draw,
        projections,
        reader: new Reader(project, services, this.#projections),
        now: () => now(project),
        monotonic: () => clock.monotonic(),
        feedLength: this.#parts.feedLength ?? feedLength,
      });
      this.#relays.set(project, relay);
    }
    return relay;
  }

  #become(state: RedisState): void {
    for (const relay of this.#relays.values()) {
      if (state === 'connected') relay.connected();
      else relay.away();
    }
  }

  #tick(): void {
    void this.#lookForForeign();
    // A failure stays with the store: the next commit of whoever writes reports it.
    void this.#settleIdle().catch(() => {});
    for (const relay of this.#relays.values()) relay.beat();
  }

  #lookSoon(pauseMs = foreignPauseMs + jitterMs(foreignPauseMs)): void {
    if (this.#look || this.#closed) return;
    this.#look = setTimeout(() => {
      this.#look = undefined;
      void this.#lookForForeign();
    }, pauseMs);
    this.#look.unref();
  }

  /** Where nobody commits meanwhile, the positions are stored in commits of their own. */
  async #settleIdle(): Promise<void> {
    const unsettled = [...this.#relays].filter(([, relay]) => relay.unsettled);
    await Promise.all(unsettled.map(([project]) => this.#touch(project)));
  }

  /** A commit without works: it gives the project a relay where it has none, and stores its position. */
  async #touch(project: string): Promise<void> {
    await this.#parts.commits.submit({ project, *run(): Work<void> {} });
  }

  async #lookForForeign(): Promise<void> {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    try {
      for (let after = ''; ; ) {
        const heads = await this.#parts.engine.read(() => headsAfter(after));
        for (const { project_id: project, size, relayed } of heads) {
          if (relayed === 0) await this.#touch(project);
          this.#relay(project).heard(size);
        }
        if (heads.length < projectsPerPage) return;
        after = heads.at(-1)!.project_id;
      }
    } catch {
      // The next tick looks again; what is wrong with the store, its callers hear.
    } finally {
      this.#looking = false;
    }
  }
}
