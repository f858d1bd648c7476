import type { SquawkAdapter } from '../adapter/adapter.ts';
import type { RestoreOptions } from '../adapter/checkpoints.ts';
import { getAdapter } from '../database.ts';
import type { RestoreResult } from '../mission-shapes.ts';
import { formatRecoveryPrompt } from './prompt.ts';

/** Brings missions back from checkpoints, as seed 002 has it; the rules are those of `checkpoints.recover`. */
export class StateRestorer {
  readonly #adapter: () => SquawkAdapter;

  /** Over an adapter; over that of the open database when left out. */
  constructor(adapter?: SquawkAdapter) {
    this.#adapter = () => adapter ?? getAdapter();
  }

  async restoreFromCheckpoint(id: string, options: RestoreOptions = {}): Promise<RestoreResult> {
    const restored = await this.#adapter().checkpoints.recover({ id }, options);
    return restored ?? nothing({ checkpoint_id: id }, `Checkpoint not found: ${id}`);
  }

  /** From the newest checkpoint of a mission. */
  async restoreLatest(mission_id: string, options: RestoreOptions = {}): Promise<RestoreResult> {
    const restored = await this.#adapter().checkpoints.recover({ mission_id }, options);
    return restored ?? nothing({ mission_id }, `No checkpoints found for mission: ${mission_id}`);
  }

  formatRecoveryPrompt(result: RestoreResult): string {
    return formatRecoveryPrompt(result);
  }
}

function nothing(ids: { checkpoint_id?: string; mission_id?: string }, error: string): RestoreResult {
  return {
    success: false,
    checkpoint_id: '',
    mission_id: '',
    ...ids,
    recovery_context: {
      last_action: '',
      next_steps: [],
      blockers: [],
      files_modified: [],
      mission_summary: '',
      elapsed_time_ms: 0,
      last_activity_at: null,
    },
    restored: { sorties: 0, locks: 0, messages: 0 },
    errors: [error],
    warnings: [],
  };
}
