import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { one, statement } from '../work.ts';

/** Commits of other processes count after this long at most. */
const foreignLookMs = 4;

const selectEpoch = statement('SELECT policy_epoch FROM ledger_heads WHERE project_id = $1');

/**
 * The policy epoch of each project: it grows with every change of a membership, role, grant or agent state. What was
 * derived from those is void when it has grown. Commits of this process count at once, those of others within 4 ms, so
 * that asking costs less than a microsecond; where that is too late, ask the store.
 */
export class PolicyEpochs {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #known = new Map<string, { epoch: number; lookedAt: number }>();

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  committed(project: string, epoch: number): void {
    const known = this.#known.get(project);
    if (known) known.epoch = epoch;
  }

  /** Undefined where nothing may be kept: on an engine that cannot be asked at once. */
  current(project: string): number | undefined {
    const { readSync, capabilities } = this.#engine;
    if (!readSync) return undefined;
    const now = this.#clock.monotonic();
    let known = this.#known.get(project);
    if (known && (!capabilities.shared || now - known.lookedAt < foreignLookMs)) return known.epoch;
    const select = () => one<{ policy_epoch: number }>(selectEpoch, [project]);
    const epoch = this.#engine.readSync!(select, false)?.policy_epoch ?? 0;
    known = { epoch, lookedAt: now };
    this.#known.set(project, known);
    return epoch;
  }
}
