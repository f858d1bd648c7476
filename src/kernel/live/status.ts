import type { RedisState } from './redis.ts';

/** How far the copy of one project is. */
export interface RelayStatus {
  /** Sequence number up to which Redis has everything. */
  readonly position: number;
  /** The position as the database has it, for the next start. */
  readonly storedPosition: number;
  readonly head: number;
  /** Entries that Redis does not have yet. */
  readonly lag: number;
  /** Hot keys are being written anew, because Redis had lost them. */
  readonly filling: boolean;
  /** Id of another store whose feed stands under this project's name; null where the feed is ours. */
  readonly feedOf: string | null;
  /** Writes that Redis refused one by one, such as a field of what is no hash. */
  readonly refused: number;
  readonly lastError: string | null;
}

export interface LiveStatus extends RelayStatus {
  readonly endpoint: string;
  readonly state: RedisState;
}
