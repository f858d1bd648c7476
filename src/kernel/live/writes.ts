/**
 * One write. `version` decides between two writes of one key or field: the greater wins, whoever comes last; it is the
 * sequence number of the entry that made the value. `ttlMs` absent or null: it stays.
 */
export type RedisWrite =
  | {
      readonly type: 'set';
      readonly key: string;
      readonly value: string;
      readonly version: number;
      readonly ttlMs?: number | null | undefined;
      /** Kept beside the version: facts about the value that are not part of it. */
      readonly note?: string;
    }
  | { readonly type: 'delete'; readonly key: string; readonly version: number }
  | {
      readonly type: 'setField';
      readonly key: string;
      readonly field: string;
      readonly value: string;
      readonly version: number;
    }
  | {
      readonly type: 'deleteField';
      readonly key: string;
      readonly field: string;
      readonly version: number;
    }
  | { readonly type: 'publish'; readonly channel: string; readonly message: string }
  /** All hot keys are written anew from the tables: what is stored has changed without entries of its own. */
  | { readonly type: 'refill' };
