import type { SquawkAdapter } from '../adapter/adapter.ts';
import type { RecoveryCandidate } from '../adapter/checkpoints.ts';
import { getAdapter } from '../database.ts';

/** Five minutes. */
const activityThresholdMs = 300_000;

export interface DetectionOptions {
  /** How long nothing was heard of a mission, in milliseconds; five minutes when left out. */
  readonly activityThresholdMs?: number;
}

/** Finds missions that were in progress when their fleet fell silent, as seed 002 has it. */
export class RecoveryDetector {
  readonly #adapter: () => SquawkAdapter;

  /** Over an adapter; over that of the open database when left out. */
  constructor(adapter?: SquawkAdapter) {
    this.#adapter = () => adapter ?? getAdapter();
  }

  /** Missions in progress whose newest event, of any stream, is older than the threshold. */
  async detectRecoveryCandidates(options: DetectionOptions = {}): Promise<RecoveryCandidate[]> {
    return await this.#adapter().checkpoints.candidates(options.activityThresholdMs ?? activityThresholdMs);
  }

  async checkForRecovery(
    options: DetectionOptions = {},
  ): Promise<{ readonly needed: boolean; readonly candidates: RecoveryCandidate[] }> {
    const candidates = await this.detectRecoveryCandidates(options);
    return { needed: candidates.length > 0, candidates };
  }
}
